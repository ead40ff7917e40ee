"""The install script, in a directory of its own, with a Python, a program and a systemctl that only play."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from hemsd.ops.health import main as health
from hemsd.ops.place import main as place

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
# Plays python3: makes a venv whose programs note what they are asked.
[ "$1" = -c ] && exit 0
venv=$3
mkdir -p "$venv/bin"
cat >"$venv/bin/python" <<'X'
#!/bin/sh
echo "$(basename "$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")") python $*" >>"$NOTES"
case "$*" in
    *pip*"$REFUSED"*) exit 1 ;;
    *hemsd.ops.place*) [ "$CHECKS" = yes ] ;;
    *hemsd.ops.health*) [ "$HEALTHY" = yes ] ;;
esac
X
cat >"$venv/bin/hemsd" <<'X'
#!/bin/sh
echo "$(basename "$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")") hemsd $1 ${2##*/}" >>"$NOTES"
X
chmod +x "$venv/bin/python" "$venv/bin/hemsd"
"""
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>"$NOTES"
case "$*" in *is-active*) [ -e "$ACTIVE" ] ;; esac
"""


@dataclass
class Machine:
    """A directory that the script takes for a machine."""

    folder: Path

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        for name, text in (("python3", PYTHON), ("systemctl", SYSTEMCTL)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    def install(self, *options: str, healthy: bool = True, checks: bool = True, refused: str = "nothing") -> int:
        done = subprocess.run(
            ["sh", str(ROOT / "systemd" / "install.sh"), *options],
            env={
                **os.environ,
                "DESTDIR": str(self.root),
                "PYTHON": str(self.folder / "python3"),
                "SYSTEMCTL": str(self.folder / "systemctl"),
                "NOTES": str(self.folder / "notes"),
                "ACTIVE": str(self.folder / "active"),
                "HEALTHY": "yes" if healthy else "no",
                "CHECKS": "yes" if checks else "no",
                "REFUSED": refused,
            },
            capture_output=True,
            text=True,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    def run(self) -> None:
        """The service is started."""
        (self.folder / "active").touch()
        (self.folder / "notes").write_text("")

    @property
    def version(self) -> str:
        return (self.root / "opt/hemsd/venv").resolve().parent.name

    @property
    def versions(self) -> set[str]:
        return {path.name for path in (self.root / "opt/hemsd/versions").iterdir()}

    @property
    def notes(self) -> list[str]:
        return (self.folder / "notes").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    assert machine.install() == 0, machine.said
    return machine


def test_a_first_install_puts_program_settings_and_unit_in_their_places(machine: Machine) -> None:
    assert (machine.root / "etc/systemd/system/hemsd.service").exists()
    assert "storage: {path: /var/lib/hemsd/hemsd.db}" in (machine.root / "etc/hemsd/config.yaml").read_text()
    assert machine.versions == {machine.version}


def test_an_upgrade_copies_the_database_switches_and_keeps_the_version_before(machine: Machine) -> None:
    versions = [machine.version]
    for _upgrade in range(2):
        machine.run()
        assert machine.install("--upgrade") == 0, machine.said
        versions.append(machine.version)
    assert len(set(versions)) == 3
    assert machine.versions == set(versions[1:])
    told = machine.notes
    assert told.index(f"{versions[1]} hemsd backup before-upgrade.db") < told.index("systemctl restart hemsd")


def test_an_upgrade_that_is_not_healthy_goes_back_to_the_old_version_and_its_database(machine: Machine) -> None:
    old = machine.version
    machine.run()
    assert machine.install("--upgrade", healthy=False) == 1
    assert "the old version runs again" in machine.said
    assert machine.version == old
    told = machine.notes
    end = [note for note in told if note.startswith("systemctl") or " restore " in note][-4:]
    assert end == [
        "systemctl stop hemsd", f"{old} hemsd restore before-upgrade.db", "systemctl daemon-reload",
        "systemctl start hemsd",
    ]  # fmt: skip


def test_settings_that_the_new_version_does_not_take_leave_the_old_one_running(machine: Machine) -> None:
    old = machine.version
    machine.run()
    assert machine.install("--upgrade", checks=False) == 1
    assert (machine.version, machine.versions) == (old, {old})
    assert not [note for note in machine.notes if "restart" in note or "stop" in note]


def test_a_version_that_can_not_be_built_changes_nothing(machine: Machine) -> None:
    old = machine.version
    machine.run()
    assert machine.install("--upgrade", refused="requirements.txt") == 1
    assert (machine.version, machine.versions) == (old, {old})


def test_an_installation_of_the_old_layout_is_taken_over(machine: Machine) -> None:
    venv = machine.root / "opt/hemsd/venv"
    made = venv.resolve()
    venv.unlink()
    made.rename(venv)
    machine.run()
    assert machine.install(healthy=False) == 1
    assert machine.version == "before"


@pytest.mark.parametrize("purge", [False, True])
def test_uninstalling_leaves_settings_and_data_unless_told_otherwise(machine: Machine, purge: bool) -> None:
    machine.run()
    assert machine.install("--uninstall", *(["--purge"] if purge else [])) == 0
    assert not (machine.root / "opt/hemsd").exists()
    assert not (machine.root / "etc/systemd/system/hemsd.service").exists()
    assert (machine.root / "etc/hemsd/config.yaml").exists() is not purge
    assert (machine.root / "var/lib/hemsd").exists() is not purge
    assert "systemctl disable --now hemsd" in machine.notes


def test_there_is_nothing_to_upgrade_on_an_empty_machine(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.install("--upgrade") == 1
    assert machine.install("--purge") == 1
    assert not (machine.root / "opt").exists()


def test_settings_are_checked_without_the_secrets_that_only_the_service_has(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place([str(config)]) == 0
    config.write_text("sight: {}\n")
    assert place([str(config)]) == 2
    assert "did you mean site?" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_health_is_what_healthz_says(config: Path, status: int, exit_status: int) -> None:
    class Healthz(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Healthz) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config.write_text(config.read_text() + f"web: {{port: {server.server_port}}}\n")
        assert health(["-c", str(config)]) == exit_status
        server.shutdown()
