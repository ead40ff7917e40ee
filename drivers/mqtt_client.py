"""A client for the house's MQTT broker, and what is said when it is lost."""

from __future__ import annotations

import aiomqtt

from drivers.base import DeviceError
from drivers.mqtt_settings import MqttBrokerSettings
from hemsd.said import said

KEEPALIVE_S = 15  # MQTT 3.1.1 section 3.1.2.10: a dead connection is noticed after one and a half of these
TIMEOUT_S = 5.0


def client_of(
    broker: MqttBrokerSettings, will: aiomqtt.Will | None = None, *, timeout_s: float | None = None
) -> aiomqtt.Client:
    """A client for the house's broker. Raises DeviceError when the password's file can't be read."""
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.secret(),
        tls_params=_tls(broker) if broker.tls else None,
        keepalive=KEEPALIVE_S,
        timeout=timeout_s or TIMEOUT_S,
        will=will,
    )


def _tls(broker: MqttBrokerSettings) -> aiomqtt.TLSParameters:
    ca_file, cert_file, key_file = (
        str(file) if file else None for file in (broker.ca_file, broker.cert_file, broker.key_file)
    )
    return aiomqtt.TLSParameters(ca_certs=ca_file, certfile=cert_file, keyfile=key_file)


def lost(broker: MqttBrokerSettings, error: BaseException) -> DeviceError:
    """The broker is gone, or refuses us."""
    return DeviceError(
        said(
            "mqtt.lost",
            "MQTT broker {host}:{port}: {error}",
            host=broker.host,
            port=broker.port,
            error=str(error),
        )
    )
