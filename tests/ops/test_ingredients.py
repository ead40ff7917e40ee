"""What hemsd is made of, and on what terms."""

from __future__ import annotations

import re
from pathlib import Path

from hemsd.ops.ingredients import bill, normal, parts

ROOT = Path(__file__).parents[2]
FREE = re.compile(
    r"""
    MIT(-0)?(\ License)? | BSD(-[23]-Clause|\ License)? | ISC | Public\ Domain | Unlicense
    | Apache(-|\ |\ License,\ Version\ )2\.0 | Apache\ Software\ License
    | PSF-2\.0 | Python\ Software\ Foundation\ License | MPL-2\.0 | LGPL-2\.1-or-later
    """,
    re.VERBOSE,
)


def permitted(licence: str) -> bool:
    """Of several that one may choose from, one suffices; of several that hold together, each must be fine."""
    return any(
        all(FREE.fullmatch(one.strip(" ()")) for one in choice.split(" AND ")) for choice in licence.split(" OR ")
    )


def test_every_part_may_be_used_and_passed_on() -> None:
    found = parts()
    assert {"aiohttp", "pymodbus", "websockets", "numpy"} <= {part.name for part in found}
    assert not [(part.name, part.licence) for part in found if not permitted(part.licence)]


def test_a_licence_that_binds_the_whole_program_would_be_seen() -> None:
    assert not permitted("GPL-3.0-or-later")
    assert not permitted("MIT AND AGPL-3.0-only")
    assert not permitted("")
    assert permitted("EPL-2.0 OR BSD-3-Clause")


def test_the_bill_names_what_is_locked_and_nothing_that_only_tests() -> None:
    lock = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    lock |= {"numpy": next(part.version for part in parts() if part.name == "numpy")}  # two of them, by Python
    written = bill(parts())
    components = written["components"]
    assert isinstance(components, list)
    named = {one["name"]: one["version"] for one in components}
    assert {name: lock.get(name) for name in named} == named
    assert not {"pytest", "mypy", "ruff", "hatchling"} & set(named)
    refs = {one["bom-ref"] for one in components}
    dependencies = written["dependencies"]
    assert isinstance(dependencies, list)
    assert {ref for one in dependencies for ref in one["dependsOn"]} == refs


def test_names_are_compared_as_the_index_compares_them() -> None:
    assert normal("Backports.StrEnum") == normal("backports-strenum") == "backports-strenum"
