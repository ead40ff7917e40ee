"""Texts of config.yaml go in, the lines that `hemsd check` would print come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from hemsd.config import Config, ConfigError, load

Check = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def _write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(dedent(text).removeprefix("\n"), encoding="utf-8")
        return path

    return _write


@pytest.fixture
def read(write: Callable[[str], Path]) -> Callable[..., Config]:
    def _read(text: str, environment: Mapping[str, str] | None = None) -> Config:
        return load(write(text), environment or {})

    return _read


@pytest.fixture
def check(read: Callable[..., Config]) -> Check:
    """The complaints about a text, as printed; none when it is fine."""

    def _check(text: str, environment: Mapping[str, str] | None = None) -> list[str]:
        try:
            read(text, environment)
        except ConfigError as error:
            return str(error).splitlines()
        return []

    return _check
