"""What may be written behind ``hemsd``: the commands and their options, and nothing of what they do.

``command`` of what is parsed names the one that is meant, and ``action`` what is meant of it, where it has several.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import hemsd

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="hemsd", description="Charges cars from the sun, and proves that the wallbox obeyed."
    )
    found.add_argument("--version", action="version", version=f"hemsd {hemsd.__version__}")
    commands = found.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    _add_run(commands)
    _add_devices(commands)
    _add_replay(commands)
    _add_backup(commands)
    _add_client(commands)
    _add_cloud(commands)
    _add_model(commands)
    _add_export(commands)
    _add_documents(commands)
    return found


def _reads_config() -> argparse.ArgumentParser:
    """The option of every command that reads config.yaml."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "-c", "--config", type=Path, default=Path("config.yaml"), metavar="FILE", help="default: %(default)s"
    )
    return parent


def _add_run(commands: Commands) -> None:
    """``hemsd run | check | password``."""
    run = commands.add_parser("run", parents=[_reads_config()], help="run the daemon in the foreground")
    run.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands.add_parser("check", parents=[_reads_config()], help="say everything that is wrong in the file")
    commands.add_parser("password", parents=[_reads_config()], help="set the page's password")


def _add_devices(commands: Commands) -> None:
    """``hemsd probe | commission | adopt``."""
    probe = commands.add_parser("probe", parents=[_reads_config()], help="ask every device what it says")
    probe.add_argument(
        "target", nargs="*", metavar="modbus HOST[:PORT]", help="look at an address of which nothing is known yet"
    )
    probe.add_argument("--wait", type=float, default=20.0, metavar="S", help="how long a device may stay silent")
    probe.add_argument(
        "--unit", type=int, action="append", metavar="N", help="with modbus: ask only this unit id; may be given again"
    )
    meter_check = "let a wallbox change its current, and see whether the meter agrees"
    commission = commands.add_parser("commission", parents=[_reads_config()], help=meter_check)
    commission.add_argument("wallbox", nargs="?", help="its name in the file; left out, the first one")
    adopt = commands.add_parser("adopt", parents=[_reads_config()], help="find out what a new wallbox really does")
    adopt.add_argument("wallbox", metavar="WALLBOX", help="its name in the file; a hungry car must be plugged in")
    adopt.add_argument("--yes", action="store_true", help="do not ask before")


def _add_replay(commands: Commands) -> None:
    replay = commands.add_parser("replay", parents=[_reads_config()], help="play a recorded day under the rules of now")
    replay.add_argument("file", type=Path, metavar="FILE", help="a CSV t_s,pv_w,house_w, or a day exported by hemsd")
    replay.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, once for this run")
    replay.add_argument("--json", action="store_true", help="print JSON")


def _add_backup(commands: Commands) -> None:
    """``hemsd backup | restore``."""
    backup = commands.add_parser("backup", parents=[_reads_config()], help="copy the database, also while hemsd runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy")
    restore = commands.add_parser("restore", parents=[_reads_config()], help="take the database back from a copy")
    restore.add_argument("file", type=Path, metavar="FILE", help="the copy")


def _add_client(commands: Commands) -> None:
    """``hemsd client add | list | remove``."""
    client = commands.add_parser("client", help="credentials for programs that use the HTTP interface")
    actions = client.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("add", parents=[_reads_config()], help="make credentials, and print them this once")
    add.add_argument("name", metavar="NAME", help="whose they are")
    add.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=["flex", "analysis", "partner", "local"],
        help="what they are good for, once each; default: all but local",
    )
    actions.add_parser("list", parents=[_reads_config()], help="who has some")
    remove = actions.add_parser("remove", parents=[_reads_config()], help="take them back")
    remove.add_argument("name", metavar="NAME", help="the name or the client_id")


def _add_model(commands: Commands) -> None:
    """``hemsd model list | use | rollback``."""
    model = commands.add_parser("model", help="which model judges charging sessions")
    actions = model.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    whose = argparse.ArgumentParser(add_help=False)
    whose.add_argument("--client", metavar="NAME", help="for a program's sessions; default: the home's own visits")
    both = [_reads_config(), whose]
    actions.add_parser("list", parents=both, help="all of them")
    use = actions.add_parser("use", parents=both, help="judge by this one from now on")
    use.add_argument("model", metavar="MODEL", help="its id, or csar-base")
    back = actions.add_parser("rollback", parents=both, help="judge by the one that the present one was made from")
    back.set_defaults(model=None)


def _add_cloud(commands: Commands) -> None:
    """``hemsd cloud preview | status | retry``."""
    cloud = commands.add_parser("cloud", help="what leaves the house")
    actions = cloud.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    actions.add_parser("preview", parents=[_reads_config()], help="print exactly what would leave it")
    status = actions.add_parser("status", parents=[_reads_config()], help="who is told, what waits, what was refused")
    status.add_argument("--json", action="store_true", help="print JSON")
    retry = actions.add_parser("retry", parents=[_reads_config()], help="send again what was refused or given up")
    retry.add_argument(
        "letter", nargs="?", type=int, metavar="NUMBER", help="one of `hemsd cloud status`; default: all"
    )


def _add_export(commands: Commands) -> None:
    export = commands.add_parser("export", parents=[_reads_config()], help="print what is recorded as CSV")
    export.add_argument("what", choices=("sessions", "decisions", "readings"))
    for option, bound in (("--from", "from_at"), ("--to", "to_at")):
        export.add_argument(
            option, dest=bound, metavar="TIME", help="2026-06-21 or 2026-06-21T14:30, local; [from, to)"
        )


def _add_documents(commands: Commands) -> None:
    """``hemsd score | schema | openapi``: they need no config.yaml."""
    score = commands.add_parser("score", help="judge one charging session")
    score.add_argument("file", type=Path, metavar="FILE", help="the JSON body of POST /v1/sessions")
    commands.add_parser("schema", help="print the JSON Schema of config.yaml")
    commands.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
