"""config.yaml, as the commands read it that work on the database without running anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hemsd.config import Config, ConfigError, load


class _Whatever(Mapping[str, str]):
    """The environment; a secret that is not in it stays unknown, and nobody here asks for it.

    Under systemd the secrets of config.yaml come from /etc/hemsd/environment, which a shell does not have.
    """

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name, "unknown")

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def config_of(path: Path) -> Config:
    """What config.yaml says, secrets aside. Raises ConfigError."""
    return load(path, _Whatever(), password_comes=True)


def main(arguments: Sequence[str]) -> int:
    """``python -m hemsd.ops.place FILE``: what ``hemsd check`` says, for a shell that has no secrets."""
    try:
        config_of(Path(arguments[0]))
    except ConfigError as error:
        for problem in error.problems:
            print(f"{arguments[0]}:{problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
