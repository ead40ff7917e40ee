"""Whether what is sent out of the house finds its receiver, can sign in there, and goes through no open line."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from drivers.base import is_loopback
from hemsd.cloud.settings import PLACES, SignedIn
from hemsd.config.file import KeyPath
from hemsd.config.models import Config
from hemsd.config.words import Fault
from hemsd.said import said


def cloud_faults(config: Config) -> Iterator[Fault]:
    if config.scoring.language_model is not None:
        yield from _https(("scoring", "language_model", "url"), config.scoring.language_model.url)
    cloud = config.cloud
    for name, receiver in (("analysis", cloud.analysis), ("summaries", cloud.summaries)):
        if receiver is not None:
            yield from _receiver(("cloud", name), receiver)
    if cloud.summaries is not None:
        for kind, place in cloud.summaries.unknown_places():
            wrong = said("fault.no_place", '"{place}" stands for nothing', place=f"{{{place}}}")
            remedy = said("fault.no_place.do", "one of {places}", places=", ".join(sorted(PLACES)))
            yield Fault((("cloud", "summaries", "paths", kind),), wrong, remedy)
    for index, webhook in enumerate(cloud.webhooks):
        here: KeyPath = ("cloud", "webhooks", index)
        yield from _https((*here, "url"), webhook.url)
        if not webhook.is_signed:
            yield Fault(
                (here, (*here, "secret_file")),
                said("fault.unsigned", "has nothing to sign its calls with"),
                said("fault.unsigned.do", "write secret_file"),
            )
    fleet = cloud.telemetry
    if fleet is not None and not fleet.tls and not is_loopback(fleet.host):
        path: KeyPath = ("cloud", "telemetry", "tls")
        yield Fault(
            (path,),
            said("fault.open_line", "an unencrypted line to {host} would send secrets in the open", host=fleet.host),
            said("fault.open_line.do", "tls: true"),
        )


def _receiver(here: KeyPath, receiver: SignedIn) -> Iterator[Fault]:
    yield from _https((*here, "url"), receiver.url)
    if receiver.token_url is not None:
        yield from _https((*here, "token_url"), receiver.token_url)
    if receiver.has_client == receiver.has_token:
        wrong = (
            said("fault.two_ways", "has two ways to sign in")
            if receiver.has_client
            else said("fault.no_way", "has no way to sign in")
        )
        secrets = tuple((*here, key) for key in ("client_id", "client_secret_file", "token_file"))
        yield Fault(
            (here, *secrets), wrong, said("fault.sign_in", "write client_id and client_secret_file, or token_file")
        )


def _https(path: KeyPath, url: str) -> Iterator[Fault]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        yield Fault(
            (path,),
            said("fault.no_address", '"{url}" is not an address', url=url),
            said("fault.no_address.do", "write https://..."),
        )
    elif parts.scheme == "http" and not is_loopback(host):
        yield Fault(
            (path,),
            said("fault.http", "http to {host} would send secrets in the open", host=host),
            f"https://{host}/...",
        )
