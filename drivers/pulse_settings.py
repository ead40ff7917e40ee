"""What config.yaml says of a Tibber Pulse that is read at its bridge's own page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from drivers.base import Strict, Unfit
from drivers.mqtt_settings import MqttSettings
from drivers.position import Position
from hemsd.model import Role
from hemsd.said import said

DEVICE = "tibber-pulse-local"
TOPIC = "pulse"


class PulseSettings(Strict):
    """The reading head of a Tibber Pulse, asked at its bridge in the house; its webserver must be switched on."""

    driver: Literal["tibber-pulse"]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]
    """The bridge's address, without http://."""
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Its TCP port."""
    password: SecretStr | None = None
    """What is printed on the bridge; better ${PULSE_PASSWORD} or password_file than the word itself."""
    password_file: Path | None = None
    """A file that holds the password."""
    node: Annotated[int, Field(ge=1, le=255)] = 1
    """The reading head's number, as the bridge's page shows it under NODES."""
    poll_s: Annotated[float, Field(ge=1, le=60)] = 2.0
    """How often to ask."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Other codes for a meter without a signed power: {power: 1-0:1.7.0, back: 1-0:2.7.0}."""
    invert: bool = False
    """Turns the sign of the power: hemsd counts import as positive."""
    inverted_cts: tuple[Annotated[int, Field(ge=1, le=3)], ...] = ()
    """Phases whose current transformer sits the wrong way round."""
    position: Position = Position.CONNECTION
    """house for a grid meter behind the inverter, which sees only what the house uses: the grid is worked out then."""
    role: Role | None = None
    """What it measures; left out, the meter's name says it."""

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise Unfit(said("set.either_password", "write either password or password_file"))
        return self

    @property
    def heard(self) -> MqttSettings:
        """The same Pulse as its device file knows it."""
        return MqttSettings(
            driver="mqtt",
            device=DEVICE,
            topic=TOPIC,
            keys=self.keys,
            invert=self.invert,
            inverted_cts=self.inverted_cts,
        )
