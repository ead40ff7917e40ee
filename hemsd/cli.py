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
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

from hemsd.diary import log_to_stderr
from hemsd.options import parser

if TYPE_CHECKING:
    from hemsd.config import ConfigError

REFUSED = 2  # as argparse does for a wrong command line

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """What the `hemsd` command does; answers the exit status."""
    options = parser().parse_args(arguments)
    return COMMANDS[options.command](options)


def _tells(command: Command) -> Command:
    """What is wrong in config.yaml is said in sentences, with file and line."""

    @wraps(command)
    def telling(options: argparse.Namespace) -> int:
        from hemsd.config import ConfigError

        try:
            return command(options)
        except ConfigError as error:
            _print_problems(options.config, error)
            return REFUSED

    return telling


def _opens_database(command: Command) -> Command:
    """Likewise, and what is wrong with the database too."""

    @wraps(command)
    def opening(options: argparse.Namespace) -> int:
        from hemsd.store.rows import StoreError

        try:
            return command(options)
        except StoreError as error:
            print(f"hemsd: {error}", file=sys.stderr)
            return 1

    return _tells(opening)


@_tells
def _run(options: argparse.Namespace) -> int:
    log_to_stderr(verbose=options.verbose)
    from hemsd.app import run

    return run(options.config)


@_tells
def _check(options: argparse.Namespace) -> int:
    from hemsd.config import load
    from hemsd.config.summary import summary

    print(f"{options.config} is fine: {summary(load(options.config))}")
    return 0


@_tells
def _probe(options: argparse.Namespace) -> int:
    log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd import probe

    match options.target:
        case []:
            return probe.configured(options.config, options.wait)
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


@_tells
def _commission(options: argparse.Namespace) -> int:
    log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd.commission import main as commission

    return commission(options.config, options.wallbox)


@_tells
def _adopt(options: argparse.Namespace) -> int:
    log_to_stderr(verbose=False, level=logging.ERROR)
    from hemsd.adopt import main as adopt

    return adopt(options.config, options.wallbox, yes=options.yes)


@_tells
def _replay(options: argparse.Namespace) -> int:
    from hemsd.replay import main as replay

    return replay(options.file, settings=options.set, config=options.config, as_json=options.json)


@_tells
def _password(options: argparse.Namespace) -> int:
    from hemsd.config import load
    from hemsd.password import PasswordRefused, set_password

    config = load(options.config, password_comes=True)
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


@_opens_database
def _backup(options: argparse.Namespace) -> int:
    from hemsd.ops.backup import backup
    from hemsd.ops.place import config_of

    backup(config_of(options.config).storage.path, options.file)
    print(f"{options.file} is a copy of the database as it is now.")
    return 0


@_opens_database
def _restore(options: argparse.Namespace) -> int:
    from hemsd.app import only_one
    from hemsd.clock import SystemClock
    from hemsd.ops.backup import restore
    from hemsd.ops.place import config_of

    database = config_of(options.config).storage.path
    with only_one(database):
        aside = restore(options.file, database, SystemClock())
    print(f"{database} is what {options.file} was." + (f" What it was before is kept as {aside}." if aside else ""))
    return 0


@_tells
def _client(options: argparse.Namespace) -> int:
    from hemsd import clients

    match options.action:
        case "add":
            return clients.add(options.config, options.name, options.scope)
        case "remove":
            return clients.remove(options.config, options.name)
        case _:
            return clients.show(options.config)


@_tells
def _cloud(options: argparse.Namespace) -> int:
    from hemsd.cloud import commands
    from hemsd.config import load

    config = load(options.config)
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


@_opens_database
def _export(options: argparse.Namespace) -> int:
    from zoneinfo import ZoneInfo

    from hemsd.ops.export import What, export, moment
    from hemsd.ops.place import config_of

    config = config_of(options.config)
    try:
        zone = ZoneInfo(config.site.timezone)
        from_at, to_at = (moment(text, zone) if text else None for text in (options.from_at, options.to_at))
        export(config.storage.path, What(options.what), sys.stdout, from_at, to_at)
        sys.stdout.flush()
    except ValueError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # `| head` has seen enough; Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _score(options: argparse.Namespace) -> int:
    from hemsd.scoring.command import score

    return score(options.file)


@_opens_database
def _model(options: argparse.Namespace) -> int:
    from hemsd.scoring import model_command

    if options.action == "list":
        return model_command.show(options.config, options.client)
    return model_command.use(options.config, options.model, options.client)


def _schema(options: argparse.Namespace) -> int:
    from hemsd.config import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


COMMANDS: Mapping[str, Command] = {
    "run": _run,
    "check": _check,
    "probe": _probe,
    "commission": _commission,
    "adopt": _adopt,
    "replay": _replay,
    "password": _password,
    "backup": _backup,
    "restore": _restore,
    "client": _client,
    "cloud": _cloud,
    "model": _model,
    "export": _export,
    "score": _score,
    "schema": _schema,
    "openapi": _openapi,
}


def _print_problems(file: Path, error: ConfigError) -> None:
    for problem in error.problems:
        on_command_line = f"--set {problem.path}: {problem.wrong}; {problem.remedy}"
        print(f"{file}:{problem}" if problem.line else on_command_line, file=sys.stderr)
