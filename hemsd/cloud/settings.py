"""The ``cloud`` section of config.yaml: who outside the house is told what. Nobody, unless it stands here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, Field, SecretStr, model_validator

from drivers.base import DeviceError, Strict, Unfit
from hemsd.said import said

T = TypeVar("T")

Kilobytes = Annotated[float, Field(gt=0, le=100_000)]


def _not_empty(listed: tuple[T, ...]) -> tuple[T, ...]:
    """Not ``min_length``: pydantic would complain of it as well where the only entry is not a good one."""
    if not listed:
        raise Unfit(said("set.nothing", "names nothing"), said("set.nothing.do", "name at least one, or leave it out"))
    return listed


class Measurand(StrEnum):
    """OCPP 1.6 section 7.31, as far as hemsd keeps them."""

    ENERGY = "Energy.Active.Import.Register"
    POWER = "Power.Active.Import"
    CURRENT = "Current.Import"
    VOLTAGE = "Voltage"
    CURRENT_OFFERED = "Current.Offered"
    POWER_OFFERED = "Power.Offered"
    SOC = "SoC"


def secret(
    what: str,
    plain: SecretStr | None,
    file: Path | None,
    credential: str | None,
    environment: Mapping[str, str] = os.environ,
) -> str | None:
    """A secret from wherever config.yaml says; read each time, so that a new one counts at once.

    ``credential`` is the name of a systemd credential (systemd.exec(5), LoadCredential=). Raises DeviceError.
    """
    if credential is not None:
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise DeviceError(
                said(
                    "secret.no_credential",
                    "{what}: there is no systemd credential {credential}: this is not a systemd service",
                    what=what,
                    credential=credential,
                )
            )
        file = Path(folder) / credential
    if file is None:
        return None if plain is None else plain.get_secret_value()
    try:
        return file.read_text().strip()
    except (OSError, UnicodeError) as error:
        raise DeviceError(
            said("secret.unreadable", "{what} can't be read: {error}", what=what, error=str(error))
        ) from error


class SignedIn(Strict):
    """A receiver over HTTP, and how hemsd signs in there."""

    url: str
    """Its address; https, or http on loopback"""
    client_id: str | None = None
    """Who hemsd is there (OAuth2 client credentials)"""
    client_secret: SecretStr | None = None
    """The secret of client_id; better ${CLOUD_SECRET} or one of the two below than the word itself"""
    client_secret_file: Path | None = None
    """A file that holds the secret of client_id"""
    client_secret_credential: str | None = None
    """The name of a systemd credential that holds it"""
    token_url: str | None = None
    """Where tokens are asked for; left out: oauth2/token below url"""
    token: SecretStr | None = None
    """A fixed token instead of client_id; better ${CLOUD_TOKEN} than the word itself"""
    token_file: Path | None = None
    """A file that holds a token, instead of client_id and client_secret_file"""
    token_credential: str | None = None
    """The name of a systemd credential that holds a token"""
    ca_file: Path | None = None
    """The authority that signed the receiver's certificate, where the system does not know it"""
    budget_kb_s: Kilobytes = 64.0
    """How much of the home's line is used, on average"""
    leave_out: tuple[str, ...] = ()
    """Fields that never leave the house, as dotted paths: metadata, session.energy_from_solar_kwh"""

    @property
    def has_token(self) -> bool:
        return any(way is not None for way in (self.token, self.token_file, self.token_credential))

    @property
    def has_client(self) -> bool:
        ways = (self.client_secret, self.client_secret_file, self.client_secret_credential)
        return self.client_id is not None and any(way is not None for way in ways)

    def token_secret(self) -> str | None:
        return secret("The cloud's token", self.token, self.token_file, self.token_credential)

    def client_secret_value(self) -> str | None:
        return secret(
            "The cloud's client secret", self.client_secret, self.client_secret_file, self.client_secret_credential
        )


NEEDED = frozenset(
    {"session_id", "charging_station_id", "charging_point_id", "meter_values"}
    | {f"meter_values.{key}" for key in ("timestamp", "value", "measurand")}
)
"""What a session can't be understood without."""


class AnalysisCloudSettings(SignedIn):
    """A cloud that analyses each charge from its meter values."""

    group_s: Annotated[float, Field(ge=60, le=3600)] = 900.0
    """Meter values leave in groups, this far apart; at the end of a charge at once"""
    measurands: Annotated[tuple[Measurand, ...], AfterValidator(_not_empty)] = tuple(Measurand)
    """Which meter values leave the house"""
    batch: bool = True
    """After an outage, finished charges leave many at a time, where the cloud can"""
    gzip: bool = True
    """Larger bodies are compressed"""

    @model_validator(mode="after")
    def _still_says_something(self) -> Self:
        for path in self.leave_out:
            if path in NEEDED:
                raise Unfit(
                    said("set.needed", "an analysis can't do without {path}", path=path),
                    said("set.needed.do", "leave it in, or leave the whole section out"),
                )
        return self


SummaryKind = Literal["partner", "ev", "flex"]
PLACES = frozenset({"org_id", "user_id", "location_id", "wallbox_id", "vehicle_id", "visit_id", "number"})
"""What may stand in braces in a summary's path."""


class SummariesSettings(SignedIn):
    """A receiver of each finished visit, in the words of the public dialects."""

    paths: Annotated[dict[SummaryKind, str], Field(min_length=1)]
    """Where each kind is put, below url: {partner: "visits/{number}"}; what is left out is not sent"""
    gzip: bool = True
    """Larger bodies are compressed"""

    def unknown_places(self) -> Iterator[tuple[str, str]]:
        """(kind, what stands in braces there and means nothing)"""
        for kind, path in self.paths.items():
            try:
                names = [name for _, name, _, _ in Formatter().parse(path) if name is not None]
            except ValueError:
                names = [path]
            for name in names:
                if name not in PLACES:
                    yield kind, name


class WebhookEvent(StrEnum):
    SESSION_UPDATED = "flex:session:updated"
    STATION_ANOMALY = "station.anomaly_detected"


class WebhookSettings(Strict):
    """An address that is called when something happened."""

    url: str
    """The address; https, or http on loopback"""
    secret: SecretStr | None = None
    """The secret that signs each call; better ${HOOK_SECRET} or one of the two below than the word itself"""
    secret_file: Path | None = None
    """A file that holds the secret which signs each call"""
    secret_credential: str | None = None
    """The name of a systemd credential that holds it"""
    token: SecretStr | None = None
    """Sent as Authorization: Bearer, where the receiver asks for that"""
    token_file: Path | None = None
    """A file that holds that token"""
    token_credential: str | None = None
    """The name of a systemd credential that holds that token"""
    events: Annotated[tuple[WebhookEvent, ...], AfterValidator(_not_empty)]
    """Which events to send, like flex:session:updated"""
    as_array: bool = False
    """Each call carries an array of one event instead of the event itself"""
    ca_file: Path | None = None
    """The authority that signed the receiver's certificate, where the system does not know it"""
    leave_out: tuple[str, ...] = ()
    """Fields that never leave the house, as dotted paths: session.statistics"""

    @property
    def is_signed(self) -> bool:
        return any(way is not None for way in (self.secret, self.secret_file, self.secret_credential))

    def signing_secret(self) -> str:
        found = secret("The webhook's secret", self.secret, self.secret_file, self.secret_credential)
        if not found:
            raise DeviceError(
                said("webhook.no_secret", "The webhook to {url} has no secret to sign with", url=self.url)
            )
        return found

    def token_secret(self) -> str | None:
        return secret("The webhook's token", self.token, self.token_file, self.token_credential)


TelemetryField = Literal["meters", "wallboxes", "alerts", "visits", "decisions", "summaries"]


class TelemetrySettings(Strict):
    """An MQTT broker of a fleet that watches over many homes."""

    host: str
    """Its address"""
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    """Its TCP port"""
    user: str | None = None
    """The user it knows this home as"""
    password: SecretStr | None = None
    """That user's password; better ${FLEET_PASSWORD} or one of the two below than the word itself"""
    password_file: Path | None = None
    """A file that holds the password"""
    password_credential: str | None = None
    """The name of a systemd credential that holds it"""
    tls: bool = True
    """Encrypted, and the broker's certificate is checked; false is accepted for loopback only"""
    ca_file: Path | None = None
    """The authority that signed the broker's certificate, where the system does not know it"""
    topic: Annotated[str, Field(pattern=r"^[^#+]+$")] = "hemsd"
    """The topics begin with this and the home's location id"""
    every_s: Annotated[float, Field(ge=5, le=3600)] = 60.0
    """How often the present is told"""
    fields: tuple[TelemetryField, ...] = get_args(TelemetryField)
    """What is told; what is not named here stays in the house"""
    leave_out: tuple[str, ...] = ()
    """Fields that never leave the house, as dotted paths: meters.battery"""

    def secret(self) -> str | None:
        return secret("The fleet broker's password", self.password, self.password_file, self.password_credential)


class CloudSettings(Strict):
    """Who outside the house is told; nobody, unless it stands here."""

    analysis: AnalysisCloudSettings | None = None
    """Where meter values of charges are sent"""
    summaries: SummariesSettings | None = None
    """Where finished visits are sent"""
    webhooks: tuple[WebhookSettings, ...] = ()
    """Addresses that are called on events"""
    telemetry: TelemetrySettings | None = None
    """The MQTT broker of a fleet"""

    @property
    def tells_nobody(self) -> bool:
        return not (self.analysis or self.summaries or self.webhooks or self.telemetry)
