"""Looks around in the service's sandbox: the unit runs this in place of hemsd.

What hemsd needs must be there: a serial port by the group dialout, the machine's addresses, multicast, its secrets, its
own directory, the model. Everything else must not. Ends with status 1 and a sentence at the first thing that is wrong.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import ifaddr
import numpy as np

from hemsd.scoring import network
from hemsd.scoring.engine import load
from hemsd.scoring.features import BUCKETS

MDNS = ("224.0.0.251", 5353)  # RFC 6762 section 3


def refused(what: str, act: Callable[[], object], *with_errors: int) -> None:
    try:
        act()
    except OSError as error:
        if error.errno not in with_errors:
            raise
    else:
        raise AssertionError(f"{what} is possible")


def of_process() -> Mapping[str, str]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def privileges() -> None:
    found = of_process()
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2"), found
    assert {int(found[which], 16) for which in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}, found
    refused("memory that is written and executed", lambda: mmap.mmap(-1, 4096, prot=7), errno.EPERM, errno.EACCES)
    refused("a raw socket", lambda: socket.socket(socket.AF_PACKET), errno.EAFNOSUPPORT)
    assert not Path("/proc/1").exists(), "other processes can be seen"


def files() -> None:
    for path in ("/etc/hemsd/config.yaml", "/opt/hemsd/README.md", "/usr/bin/env"):
        refused(f"writing {path}", lambda path=path: os.open(path, os.O_WRONLY), errno.EROFS, errno.EACCES)
    refused("a look into root's home", lambda: os.listdir("/root"), errno.EACCES)
    own = Path("/var/lib/hemsd/written-by-the-sandbox")
    own.write_text("")
    assert own.stat().st_mode & 0o077 == 0, "others may read what it writes"
    own.unlink()
    secret = Path(os.environ["CREDENTIALS_DIRECTORY"], "hemsd.mqtt")
    assert secret.read_text(encoding="ascii").strip() == "a-broker-secret"


def devices() -> None:
    """Without hardware behind it a port answers with an error of its own; being let through to it is the question."""
    try:
        os.close(os.open("/dev/ttyS9", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise
    refused("a disk", lambda: os.open("/dev/disk9", os.O_RDONLY), errno.EPERM)


def network_of_the_house() -> None:
    addresses = {str(entry.ip) for adapter in ifaddr.get_adapters() for entry in adapter.ips}
    assert "192.0.2.7" in addresses, addresses
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as multicast:
        here = socket.inet_aton("192.0.2.7")
        multicast.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(MDNS[0]) + here)
        multicast.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        multicast.sendto(b"", MDNS)


def model() -> None:
    assert load("auto").infer(np.zeros((1, BUCKETS, network.INPUTS), np.float32)).shape[0] == 1


if __name__ == "__main__":
    for look in (privileges, files, devices, network_of_the_house, model):
        look()
    print("the sandbox is as it should be")
