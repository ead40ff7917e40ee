"""The ``alerts`` section of config.yaml: who is told when something needs a person, and when nobody is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from drivers.base import Strict
from drivers.series.address import SafeUrl
from drivers.tariffs.settings import TimeOfDay
from hemsd.cloud.settings import secret


class QuietSettings(Strict):
    """When nobody is told anything; what still stands afterwards is told then."""

    begin: TimeOfDay
    """Local time at which the quiet begins, such as 22:00"""
    end: TimeOfDay
    """Local time at which it ends; earlier than begin: on the next day"""


class HttpChannelSettings(Strict):
    """An address that is told over HTTP."""

    url: SafeUrl
    """The address; https, or http on loopback"""
    token: SecretStr | None = None
    """Sent as Authorization: Bearer; better ${ALERT_TOKEN} or token_file than the word itself"""
    token_file: Path | None = None
    """A file that holds that token"""

    def token_secret(self) -> str | None:
        return secret("The token for alerts", self.token, self.token_file, None)


class MqttChannelSettings(Strict):
    """A topic of the broker under mqtt."""

    topic: Annotated[str, Field(min_length=1, max_length=65535, pattern=r"^[^+#]+$")] = "hemsd/alerts"
    """Where each alert is published as JSON"""


class AlertSettings(Strict):
    """Who is told when something needs a person; the page shows it in any case."""

    webhook: HttpChannelSettings | None = None
    """Gets each alert as JSON"""
    ntfy: HttpChannelSettings | None = None
    """A topic of ntfy or of a server that speaks like it: the text as the body, its title in a header"""
    mqtt: MqttChannelSettings | None = None
    """Publishes each alert"""
    quiet: QuietSettings | None = None
    """When nobody is told"""
    after_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """What is over sooner is not told at all"""
