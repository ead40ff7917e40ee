"""Who may know whom: the packages' directions, as docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"hemsd", "drivers", "rules", "web"}
BANNED_IN_RULES = {"asyncio", "time", "logging", "random", "socket", "threading", "os", "pydantic"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in OURS}


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def allowed(path: Path, *prefixes: str) -> list[str]:
    """What a file imports of ours beyond the prefixes."""
    return [
        name
        for name in ours(path)
        if not any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes) and name not in OURS
    ]


@pytest.mark.parametrize("path", files("rules/*.py"), ids=str)
def test_rules_know_the_model_and_nothing_of_the_world(path: Path) -> None:
    assert allowed(path, "hemsd.model", "hemsd.said", "rules") == []
    assert not {name.split(".")[0] for name in imports(path)} & BANNED_IN_RULES


@pytest.mark.parametrize("path", files("drivers/**/*.py"), ids=str)
def test_drivers_know_the_model_and_the_clock(path: Path) -> None:
    assert allowed(path, "hemsd.model", "hemsd.said", "hemsd.clock", "drivers") == []


@pytest.mark.parametrize("path", files("hemsd/store/*.py"), ids=str)
def test_the_store_knows_the_model(path: Path) -> None:
    assert allowed(path, "hemsd.model", "hemsd.said", "hemsd.clock", "hemsd.store", "drivers.base") == []


@pytest.mark.parametrize("path", files("web/*.py"), ids=str)
def test_the_page_knows_the_model_and_no_driver(path: Path) -> None:
    shared = ("drivers.base", "drivers.listening", "hemsd.field_docs")
    assert allowed(path, "hemsd.model", "hemsd.said", "hemsd.clock", "hemsd.__version__", "web", *shared) == []


@pytest.mark.parametrize("name", ["model", "said"])
def test_what_all_speak_of_knows_nobody(name: str) -> None:
    assert ours(ROOT / f"hemsd/{name}.py") == set()


@pytest.mark.parametrize("path", files("hemsd/**/*.py", "drivers/**/*.py", "rules/*.py", "web/*.py"), ids=str)
def test_only_the_clock_asks_what_time_it_is(path: Path) -> None:
    """Durations of networks and threads are real and may use time.monotonic; nobody else reads the wall clock."""
    if path.name == "clock.py":
        return
    source = path.read_text()
    assert "datetime.now(" not in source
    assert "time.time(" not in source
    assert "utcnow(" not in source
