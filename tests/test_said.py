"""A sentence keeps what it was made of, wherever a text may go."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest

from drivers.base import DeviceError
from hemsd.said import Said, kept, recalled, said
from web.spoken import SpokenPage, spoken

AT = datetime(2026, 6, 21, 12, 30, tzinfo=UTC)
FROZEN = said("doubt.frozen", "the same for {still_s:.0f} s", still_s=612.4)
NESTED = said("alarm.device", "{name}: {trouble} since {since_at:%H:%M}", name="grid", trouble=FROZEN, since_at=AT)


def parts(text: str) -> tuple[str, dict[str, object]]:
    assert isinstance(text, Said)
    return text.key, dict(text.values)


def test_it_is_its_english_text() -> None:
    assert FROZEN == "the same for 612 s"
    assert f"{NESTED}" == "grid: the same for 612 s since 12:30"


def test_an_exception_gives_back_what_was_raised() -> None:
    assert parts(str(DeviceError(FROZEN))) == ("doubt.frozen", {"still_s": 612.4})


@pytest.mark.parametrize("copied", [copy.copy(NESTED), copy.deepcopy(NESTED), pickle.loads(pickle.dumps(NESTED))])
def test_a_copy_knows_it_too(copied: str) -> None:
    assert parts(copied) == parts(NESTED)


def test_a_row_of_the_store_keeps_it() -> None:
    again = recalled(kept(NESTED))
    assert again == NESTED
    assert parts(again)[0] == "alarm.device"
    assert parts(str(parts(again)[1]["trouble"])) == parts(FROZEN)


@pytest.mark.parametrize("text", ["", "422 no such station", '["not", "ours"]'])
def test_plain_text_goes_into_a_row_as_it_is(text: str) -> None:
    assert kept(text) == text == recalled(text)


def test_the_page_is_given_key_and_values_however_deep() -> None:
    page = spoken(NESTED)
    assert (page.text, page.key) == (NESTED, "alarm.device")
    assert page.values["trouble"] == SpokenPage(text=FROZEN, key="doubt.frozen", values={"still_s": 612.4})
    assert page.values["since_at"] == "2026-06-21T12:30:00+00:00"


def test_what_a_device_says_of_itself_has_no_key() -> None:
    assert spoken("Overload! Call service.") == SpokenPage(text="Overload! Call service.")


def test_a_secret_is_taken_out_of_the_values_as_well() -> None:
    page = spoken(
        said("file.unreadable", "{file} can't be read", file="/etc/hunter2"), lambda s: s.replace("hunter2", "…")
    )
    assert (page.text, page.values) == ("/etc/… can't be read", {"file": "/etc/…"})
