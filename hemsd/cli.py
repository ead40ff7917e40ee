"""The command line. Each command imports its part only when it is called, so `hemsd check` does not wait for the page.

Status 0: done. Status 2: config.yaml or the command line is wrong. Everything else is an error of its own.
"""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hemsd

REFUSED = 2  # as argparse does for a wrong command line


def main(arguments: Sequence[str] | None = None) -> int:
    """What the `hemsd` command does; answers the exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hemsd", description="Charges cars from the sun, and proves that the wallbox obeyed."
    )
    parser.add_argument("--version", action="version", version=f"hemsd {hemsd.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    reads_config = argparse.ArgumentParser(add_help=False)
    reads_config.add_argument(
        "-c", "--config", type=Path, default=Path("config.yaml"), metavar="FILE", help="default: %(default)s"
    )

    run = commands.add_parser("run", parents=[reads_config], help="run the daemon in the foreground")
    run.add_argument("-v", "--verbose", action="store_true", help="log more")
    run.set_defaults(command=_run)

    check = commands.add_parser("check", parents=[reads_config], help="say everything that is wrong in the file")
    check.set_defaults(command=_check)

    probe = commands.add_parser("probe", parents=[reads_config], help="ask every device what it says")
    probe.add_argument(
        "target", nargs="*", metavar="modbus HOST[:PORT]", help="look at an address of which nothing is known yet"
    )
    probe.add_argument("--wait", type=float, default=20.0, metavar="S", help="how long a device may stay silent")
    probe.set_defaults(command=_probe)

    replay = commands.add_parser("replay", parents=[reads_config], help="play a recorded day under the rules of now")
    replay.add_argument("file", type=Path, metavar="FILE", help="a CSV t_s,pv_w,house_w, or a day exported by hemsd")
    replay.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, once for this run")
    replay.add_argument("--json", action="store_true", help="print JSON")
    replay.set_defaults(command=_replay)

    password = commands.add_parser("password", parents=[reads_config], help="set the page's password")
    password.set_defaults(command=_password)

    schema = commands.add_parser("schema", help="print the JSON Schema of config.yaml")
    schema.set_defaults(command=_schema)
    return parser


def _run(options: argparse.Namespace) -> int:
    _log_to_stderr(verbose=options.verbose)
    from hemsd.app import run
    from hemsd.config import ConfigError

    try:
        return run(options.config)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED


def _check(options: argparse.Namespace) -> int:
    from hemsd.config import ConfigError, load
    from hemsd.config.summary import summary

    try:
        config = load(options.config)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    print(f"{options.config} is fine: {summary(config)}")
    return 0


def _probe(options: argparse.Namespace) -> int:
    _log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd import probe
    from hemsd.config import ConfigError

    match options.target:
        case []:
            try:
                return probe.configured(options.config, options.wait)
            except ConfigError as error:
                _print_problems(options.config, error)
                return REFUSED
        case ["modbus", target]:
            try:
                return probe.modbus(target, options.config.absolute().parent / "devices")
            except ValueError:
                print(f"hemsd: {target} is neither HOST[:PORT] nor /dev/NAME[:BAUD]", file=sys.stderr)
                return REFUSED
        case _:
            print("hemsd: write `hemsd probe`, or `hemsd probe modbus HOST[:PORT]`", file=sys.stderr)
            return REFUSED


def _replay(options: argparse.Namespace) -> int:
    from hemsd.config import ConfigError
    from hemsd.replay import main as replay

    try:
        return replay(options.file, settings=options.set, config=options.config, as_json=options.json)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED


def _password(options: argparse.Namespace) -> int:
    from hemsd.config import ConfigError, load
    from hemsd.password import PasswordRefused, set_password

    try:
        config = load(options.config, password_comes=True)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    try:
        set_password(config.storage.password_hash_file, _asked_password())
    except PasswordRefused as error:
        print(f"hemsd: the password is {error}", file=sys.stderr)
        return REFUSED
    print("The page asks for this password from now on.")
    return 0


def _asked_password() -> str:
    """Typed twice at a terminal; from a pipe, the first line."""
    from hemsd.password import PasswordRefused

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != first:
        raise PasswordRefused("not the same as the first time")
    return first


def _schema(options: argparse.Namespace) -> int:
    from hemsd.config import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


def _print_problems(file: Path, error: Exception) -> None:
    from hemsd.config import ConfigError

    assert isinstance(error, ConfigError)
    for problem in error.problems:
        on_command_line = f"--set {problem.path}: {problem.wrong}; {problem.remedy}"
        print(f"{file}:{problem}" if problem.line else on_command_line, file=sys.stderr)


def _log_to_stderr(*, verbose: bool, level: int = logging.INFO) -> None:
    """The journal adds the time by itself; a terminal does not."""
    time = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(
        level=logging.DEBUG if verbose else level,
        format=f"{time}%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for library in ("websockets", "pymodbus", "aiohttp"):  # what matters of theirs, hemsd says in its own words
        logging.getLogger(library).setLevel(logging.ERROR)
