"""What config.yaml says of the MQTT broker and of what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from drivers.base import DeviceError, Strict, Unfit
from drivers.mqtt_payload import path
from drivers.position import Position
from hemsd.model import Role
from hemsd.said import said


def _checked(text: str) -> str:
    path(text)
    return text


JsonPath = Annotated[str, AfterValidator(_checked)]
Topic = Annotated[str, Field(min_length=1, max_length=65535)]


class MqttSettings(Strict):
    """A meter that somebody publishes on the MQTT broker of ``mqtt``."""

    driver: Literal["mqtt"]
    device: str | None = None
    """What publishes: the name of a device file, which knows its topics; left out, topic, power and soc say it."""
    topic: Topic | None = None
    """Where it is published; with device, what its file calls {topic}."""
    keys: dict[str, str] = Field(default_factory=dict)
    """With device: other words for the names in braces of its file."""
    power: JsonPath | None = None
    """Where in the JSON payload the power stands, like $.power; left out, the whole payload is the number."""
    soc: JsonPath | None = None
    """Where a battery's state of charge in percent stands, like $.soc. Alone, without power, it is all that is read."""
    scale: float = 1.0
    """Power is multiplied by this: 1000 for a source in kilowatts."""
    offset: float = 0.0
    """Added to the power, in watts, after scale."""
    invert: bool = False
    """Turns the sign of the power: hemsd counts import and discharge as positive."""
    inverted_cts: tuple[Annotated[int, Field(ge=1, le=3)], ...] = ()
    """Phases whose current transformer sits the wrong way round."""
    position: Position = Position.CONNECTION
    """house for a grid meter behind the inverter, which sees only what the house uses: the grid is worked out then."""
    max_age_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """For a publisher that is silent while a value stands: for so long the last value counts as said again."""
    role: Role | None = None
    """What it measures; left out, the meter's name says it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.device is None:
            if self.topic is None:
                raise Unfit(
                    said("set.no_topic", "names no topic"), said("set.no_topic.do", "add topic: where it is published")
                )
            if self.keys or self.inverted_cts:
                raise Unfit(
                    said("set.keys_cts", "keys and inverted_cts need a device"),
                    said("set.keys_cts.do", "add device, or take them out"),
                )
        elif self.power is not None or self.soc is not None:
            raise Unfit(
                said("set.in_file", "power and soc stand in the device's file"),
                said("set.in_file.do", "take them out, or device"),
            )
        return self


class MqttSocSettings(Strict):
    """A car's state of charge that somebody publishes."""

    driver: Literal["mqtt"]
    device: str | None = None
    """Who publishes it: the name of a device file, which knows its topics; left out, topic and soc say it."""
    topic: Topic | None = None
    """Where it is published; with device, what its file calls {topic}."""
    keys: dict[str, str] = Field(default_factory=dict)
    """With device: other words for the names in braces of its file."""
    soc: JsonPath | None = None
    """Where in the JSON payload the percentage stands, like $.soc; left out, the whole payload is the number."""
    scale: float = 1.0
    """Multiplies the number: 100 for a source that says 0.55 for 55 %."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.device is None and self.topic is None:
            raise Unfit(
                said("set.no_topic", "names no topic"), said("set.no_topic.do", "add topic: where it is published")
            )
        if self.device is None and self.keys:
            raise Unfit(said("set.keys", "keys need a device"), said("set.keys.do", "add device, or take them out"))
        if self.device is not None and self.soc is not None:
            raise Unfit(
                said("set.soc_in_file", "soc stands in the device's file"),
                said("set.soc_in_file.do", "take it out, or device"),
            )
        return self

    @property
    def publisher(self) -> str:
        """Who publishes it, for people: a topic, or a device and what sets this one apart from others of its kind."""
        return " ".join(word for word in (self.device, self.topic) if word)


class MqttChargeSettings(Strict):
    """What a car says of itself wherever it is: whether it charges, and how much."""

    driver: Literal["mqtt"]
    topic: Topic
    """Where it is published."""
    charging: JsonPath | None = None
    """Where in the JSON payload it says whether it charges, like $.charging; left out, the whole payload says it."""
    power: JsonPath | None = None
    """Where the power stands."""
    power_scale: float = 1.0
    """Power is multiplied by this: 1000 for a source in kilowatts."""
    energy: JsonPath | None = None
    """Where a counter of the energy stands; it may begin anew with each charge."""
    energy_scale: float = 1.0
    """Energy is multiplied by this: 1000 for a source in kilowatt-hours."""
    soc: JsonPath | None = None
    """Where the state of charge in percent stands."""


class MqttBrokerSettings(Strict):
    """The MQTT broker of the house."""

    host: str = "127.0.0.1"
    """Its address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    """Its TCP port; brokers that encrypt usually take 8883."""
    user: str | None = None
    """The user it knows hemsd as; left out: none is needed."""
    password: SecretStr | None = None
    """That user's password; better ${MQTT_PASSWORD} or password_file than the word itself."""
    password_file: Path | None = None
    """A file that holds the password."""
    tls: bool = False
    """Encrypted; the broker's certificate is checked."""
    ca_file: Path | None = None
    """The authority that signed the broker's certificate, where the system does not know it."""
    cert_file: Path | None = None
    """hemsd's own certificate, where the broker asks for one."""
    key_file: Path | None = None
    """The private key of cert_file."""
    dimmed_topic: Topic | None = None
    """Where it is published what the grid operator leaves to the cars, in watts; left out: nowhere."""
    battery_topic: Topic | None = None
    """Where it is said what the home battery may give, for somebody who commands it; left out: nowhere."""
    homeassistant: bool = False
    """Shows hemsd's devices in Home Assistant by themselves."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.password and self.password_file:
            raise Unfit(said("set.one_password", "give password or password_file, not both"))
        if (self.password or self.password_file) and not self.user:
            raise Unfit(said("set.no_user", "a password needs a user"))
        if (self.ca_file or self.cert_file or self.key_file) and not self.tls:
            raise Unfit(said("set.no_tls", "certificates need tls: true"))
        return self

    def secret(self) -> str | None:
        """The password, from wherever it is. Raises DeviceError when its file can't be read."""
        if self.password_file is None:
            return self.password.get_secret_value() if self.password else None
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            raise DeviceError(
                said("mqtt.password", "the password of the MQTT broker can't be read: {error}", error=str(error))
            ) from error
