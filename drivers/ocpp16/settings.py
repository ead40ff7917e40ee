"""What config.yaml says of the OCPP server and of each wallbox that is steered through it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from drivers.base import Strict, Unfit
from hemsd.model import MIN_PILOT_A, Mode
from hemsd.said import said


def _phase_word(value: object) -> object:
    """YAML reads ``phases: 1`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class OcppTlsSettings(Strict):
    """Speak wss instead of ws. A wallbox that does not trust the certificate stays away without a word."""

    cert_file: Path
    """The certificate with its chain, PEM."""
    key_file: Path
    """Its private key, PEM."""


class OcppServerSettings(Strict):
    """Where the wallboxes find hemsd: ``ws://host:port/{charge_point}``."""

    host: str = Field(default="0.0.0.0", min_length=1)
    """The address to listen on."""
    port: int = Field(default=9000, ge=0, le=65535)
    """The port to listen on; 0 lets the system choose one."""
    tls: OcppTlsSettings | None = None
    """Speak wss with this certificate; not set: ws, as is usual within a home."""


class OcppWallboxSettings(Strict):
    """One wallbox that connects to hemsd over OCPP 1.6J."""

    driver: Literal["ocpp"] = "ocpp"
    charge_point: str = Field(min_length=1, max_length=255)
    """The identity that the wallbox calls itself by: the last segment of its URL."""
    connector: int = Field(default=1, ge=1)
    """Which of its connectors is steered."""
    password: str | None = None
    """What the wallbox must show (HTTP Basic); not set: none is asked for."""
    password_file: Path | None = None
    """A file that holds the password."""
    phases: Annotated[
        Literal["1", "3", "auto"],
        BeforeValidator(_phase_word),
        WithJsonSchema({"enum": ["auto", 1, 3, "1", "3"]}),
    ] = "auto"
    """The phases that the wallbox is wired with, or ``auto`` to switch between one and three."""
    min_a: float = Field(default=MIN_PILOT_A, ge=MIN_PILOT_A, le=80)
    """The lowest current per phase to charge with; some cars need more than 6."""
    max_a: float = Field(default=16.0, ge=MIN_PILOT_A, le=80)
    """The highest current per phase that cable, breaker and wallbox stand."""
    mode: Mode = Mode.SOLAR
    """How it charges until somebody says otherwise."""
    steer: bool = True
    """False: hemsd only observes."""
    priority: int = Field(default=1, ge=1)
    """1 is served first when the surplus is not enough for all."""
    phase_rotation: Literal["RST", "RTS", "SRT", "STR", "TRS", "TSR"] = "RST"
    """The house phases behind its L1, L2 and L3, where R, S, T are L1, L2, L3 of the house (OCPP 1.6 section 9.1.7)."""
    own_phase_pause: bool = True
    """False: it would change phases under load, so hemsd pauses the charge around a change."""
    remote_start: bool = False
    """True: hemsd starts the transaction when a plugged car waits and the wallbox does not start it by itself."""
    id_tags: list[str] | None = None
    """The cards that may charge; not set: every card may."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_a > self.max_a:
            raise Unfit(
                said(
                    "set.min_max",
                    "min_a ({min_a:g}) must not be above max_a ({max_a:g})",
                    min_a=self.min_a,
                    max_a=self.max_a,
                )
            )
        if self.password is not None and self.password_file is not None:
            raise Unfit(said("set.one_password", "give password or password_file, not both"))
        return self

    @property
    def wired_phases(self) -> int | None:
        """None: it may change them."""
        return None if self.phases == "auto" else int(self.phases)

    def secret(self) -> str | None:
        """The password that the wallbox must show, read from its file if it stands there."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password
