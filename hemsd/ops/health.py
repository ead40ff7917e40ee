"""Asks a daemon on this machine whether its control loop goes round: ``python -m hemsd.ops.health -c FILE --within S``.

The installer asks it after an upgrade. Status 0 when the daemon is well, 1 when it was not in time.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from hemsd.config import Config
from hemsd.ops.place import config_of

EVERY_S = 1.0
ANSWER_S = 5.0
ANY = ("0.0.0.0", "::", "localhost")


def address(config: Config) -> str:
    """Where /healthz is, as this machine sees it."""
    host = "127.0.0.1" if config.web.host in ANY else config.web.host
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if config.web.tls else 'http'}://{name}:{config.web.port}/healthz"


def is_well(url: str) -> bool:
    """One question. Whose certificate it is does not matter on this machine."""
    context = ssl._create_unverified_context() if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S, context=context) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, urllib.error.URLError):
        return False


def becomes_well(url: str, within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while not is_well(url):
        if time.monotonic() >= until_s:
            return False
        time.sleep(EVERY_S)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="hemsd.ops.health")
    parser.add_argument("-c", "--config", type=Path, required=True)
    parser.add_argument("--within", type=float, default=0.0, metavar="S")
    options = parser.parse_args(arguments)
    return 0 if becomes_well(address(config_of(options.config)), options.within) else 1


if __name__ == "__main__":
    sys.exit(main())
