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
from typing import TYPE_CHECKING

import hemsd

REFUSED = 2  # as argparse does for a wrong command line

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


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
    probe.add_argument(
        "--unit", type=int, action="append", metavar="N", help="with modbus: ask only this unit id; may be given again"
    )
    probe.set_defaults(command=_probe)

    commission = commands.add_parser(
        "commission", parents=[reads_config], help="let a wallbox change its current, and see whether the meter agrees"
    )
    commission.add_argument("wallbox", nargs="?", help="its name in the file; left out, the first one")
    commission.set_defaults(command=_commission)

    replay = commands.add_parser("replay", parents=[reads_config], help="play a recorded day under the rules of now")
    replay.add_argument("file", type=Path, metavar="FILE", help="a CSV t_s,pv_w,house_w, or a day exported by hemsd")
    replay.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, once for this run")
    replay.add_argument("--json", action="store_true", help="print JSON")
    replay.set_defaults(command=_replay)

    password = commands.add_parser("password", parents=[reads_config], help="set the page's password")
    password.set_defaults(command=_password)

    backup = commands.add_parser("backup", parents=[reads_config], help="copy the database, also while hemsd runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy")
    backup.set_defaults(command=_backup)

    restore = commands.add_parser("restore", parents=[reads_config], help="take the database back from a copy")
    restore.add_argument("file", type=Path, metavar="FILE", help="the copy")
    restore.set_defaults(command=_restore)

    _add_client(commands, reads_config)
    adopt = commands.add_parser("adopt", parents=[reads_config], help="find out what a new wallbox really does")
    adopt.add_argument("wallbox", metavar="WALLBOX", help="its name in the file; a hungry car must be plugged in")
    adopt.add_argument("--yes", action="store_true", help="do not ask before")
    adopt.set_defaults(command=_adopt)

    _add_cloud(commands, reads_config)
    _add_model(commands, reads_config)

    export = commands.add_parser("export", parents=[reads_config], help="print what is recorded as CSV")
    export.add_argument("what", choices=("sessions", "decisions", "readings"))
    for option, bound in (("--from", "from_at"), ("--to", "to_at")):
        export.add_argument(
            option, dest=bound, metavar="TIME", help="2026-06-21 or 2026-06-21T14:30, local; [from, to)"
        )
    export.set_defaults(command=_export)

    score = commands.add_parser("score", help="judge one charging session")
    score.add_argument("file", type=Path, metavar="FILE", help="the JSON body of POST /v1/sessions")
    score.set_defaults(command=_score)

    schema = commands.add_parser("schema", help="print the JSON Schema of config.yaml")
    schema.set_defaults(command=_schema)

    openapi = commands.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
    openapi.set_defaults(command=_openapi)
    return parser


def _add_client(commands: _Commands, reads_config: argparse.ArgumentParser) -> None:
    """``hemsd client add | list | remove``."""
    client = commands.add_parser("client", help="credentials for programs that use the HTTP interface")
    actions = client.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[reads_config], help="make credentials, and print them this once")
    add.add_argument("name", metavar="NAME", help="whose they are")
    add.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=["flex", "analysis", "partner", "local"],
        help="what they are good for, once each; default: all but local",
    )
    add.set_defaults(command=_client, action="add")
    actions.add_parser("list", parents=[reads_config], help="who has some").set_defaults(command=_client, action="list")
    remove = actions.add_parser("remove", parents=[reads_config], help="take them back")
    remove.add_argument("name", metavar="NAME", help="the name or the client_id")
    remove.set_defaults(command=_client, action="remove")


def _add_model(commands: _Commands, reads_config: argparse.ArgumentParser) -> None:
    """``hemsd model list | use | rollback``."""
    model = commands.add_parser("model", help="which model judges charging sessions")
    actions = model.add_subparsers(title="actions", required=True, metavar="ACTION")
    whose = argparse.ArgumentParser(add_help=False)
    whose.add_argument("--client", metavar="NAME", help="for a program's sessions; default: the home's own visits")
    both = [reads_config, whose]
    actions.add_parser("list", parents=both, help="all of them").set_defaults(command=_model, action="list")
    use = actions.add_parser("use", parents=both, help="judge by this one from now on")
    use.add_argument("model", metavar="MODEL", help="its id, or csar-base")
    use.set_defaults(command=_model, action="use")
    back = actions.add_parser("rollback", parents=both, help="judge by the one that the present one was made from")
    back.set_defaults(command=_model, action="rollback", model=None)


def _add_cloud(commands: _Commands, reads_config: argparse.ArgumentParser) -> None:
    """``hemsd cloud preview | status | retry``."""
    cloud = commands.add_parser("cloud", help="what leaves the house")
    actions = cloud.add_subparsers(title="actions", required=True, metavar="ACTION")
    actions.add_parser("preview", parents=[reads_config], help="print exactly what would leave it").set_defaults(
        command=_cloud, action="preview"
    )
    status = actions.add_parser("status", parents=[reads_config], help="who is told, what waits, what was refused")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(command=_cloud, action="status")
    retry = actions.add_parser("retry", parents=[reads_config], help="send again what was refused or given up")
    retry.add_argument(
        "letter", nargs="?", type=int, metavar="NUMBER", help="one of `hemsd cloud status`; default: all"
    )
    retry.set_defaults(command=_cloud, action="retry")


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
                devices = options.config.absolute().parent / "devices"
                return probe.modbus(target, devices, options.unit or [])
            except ValueError:
                print(f"hemsd: {target} is neither HOST[:PORT] nor /dev/NAME[:BAUD]", file=sys.stderr)
                return REFUSED
        case _:
            print("hemsd: write `hemsd probe`, or `hemsd probe modbus HOST[:PORT]`", file=sys.stderr)
            return REFUSED


def _commission(options: argparse.Namespace) -> int:
    _log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd.commission import main as commission
    from hemsd.config import ConfigError

    try:
        return commission(options.config, options.wallbox)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED


def _adopt(options: argparse.Namespace) -> int:
    _log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd.adopt import main as adopt
    from hemsd.config import ConfigError

    try:
        return adopt(options.config, options.wallbox, yes=options.yes)
    except ConfigError as error:
        _print_problems(options.config, error)
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


def _backup(options: argparse.Namespace) -> int:
    from hemsd.config import ConfigError
    from hemsd.ops.backup import backup
    from hemsd.ops.place import config_of
    from hemsd.store.rows import StoreError

    try:
        backup(config_of(options.config).storage.path, options.file)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    except StoreError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1
    print(f"{options.file} is a copy of the database as it is now.")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from hemsd.app import only_one
    from hemsd.clock import SystemClock
    from hemsd.config import ConfigError
    from hemsd.ops.backup import restore
    from hemsd.ops.place import config_of
    from hemsd.store.rows import StoreError

    try:
        database = config_of(options.config).storage.path
        with only_one(database):
            aside = restore(options.file, database, SystemClock())
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    except StoreError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1
    print(f"{database} is what {options.file} was." + (f" What it was before is kept as {aside}." if aside else ""))
    return 0


def _client(options: argparse.Namespace) -> int:
    from hemsd import clients
    from hemsd.config import ConfigError

    try:
        match options.action:
            case "add":
                return clients.add(options.config, options.name, options.scope)
            case "remove":
                return clients.remove(options.config, options.name)
            case _:
                return clients.show(options.config)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED


def _cloud(options: argparse.Namespace) -> int:
    from hemsd.cloud import commands
    from hemsd.config import ConfigError, load

    try:
        config = load(options.config)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    match options.action:
        case "preview":
            return commands.print_preview(config, options.config.absolute().parent / "devices")
        case "status":
            return commands.print_status(config, as_json=options.json)
        case _:
            return commands.retry_letters(config, options.letter)


def _openapi(options: argparse.Namespace) -> int:
    from hemsd.dialects.described import openapi

    print(json.dumps(openapi(), indent=2, ensure_ascii=False))
    return 0


def _export(options: argparse.Namespace) -> int:
    from zoneinfo import ZoneInfo

    from hemsd.config import ConfigError
    from hemsd.ops.export import What, export, moment
    from hemsd.ops.place import config_of
    from hemsd.store.rows import StoreError

    try:
        config = config_of(options.config)
        zone = ZoneInfo(config.site.timezone)
        from_at, to_at = (moment(text, zone) if text else None for text in (options.from_at, options.to_at))
        export(config.storage.path, What(options.what), sys.stdout, from_at, to_at)
        sys.stdout.flush()
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    except ValueError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return REFUSED
    except StoreError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has seen enough; Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _score(options: argparse.Namespace) -> int:
    from hemsd.scoring.command import score

    return score(options.file)


def _model(options: argparse.Namespace) -> int:
    from hemsd.config import ConfigError
    from hemsd.scoring import model_command
    from hemsd.store.rows import StoreError

    try:
        if options.action == "list":
            return model_command.show(options.config, options.client)
        return model_command.use(options.config, options.model, options.client)
    except ConfigError as error:
        _print_problems(options.config, error)
        return REFUSED
    except StoreError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1


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
