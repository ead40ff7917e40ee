"""The drivers of everything that measures, out of config.yaml: for the daemon, and for `hemsd probe`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import assert_never

from drivers import modbus, mqtt
from drivers.base import BatteryControl, DeviceError, Driver, MeterSink
from drivers.mqtt_battery import BatteryTopic
from drivers.position import Position
from drivers.pulse import Pulse
from drivers.pulse_settings import PulseSettings
from hemsd.clock import Clock
from hemsd.config import Config, NamedMeter, named_meters


def meter_drivers(
    config: Config,
    clock: Clock,
    sink: MeterSink,
    soc_sink: mqtt.SocSink,
    devices: Path | None,
    dimmed_sink: mqtt.DimmedSink | None = None,
    charge_sink: mqtt.ChargeSink | None = None,
) -> list[Driver]:
    """The drivers of every meter, and of what cars say of themselves; ``devices`` holds the installer's device files.

    Raises DeviceError for a device file that is not sound.
    """
    over_modbus = {}
    over_mqtt = {}
    over_http = {}
    for meter in named_meters(config):
        match meter.settings:
            case modbus.ModbusSettings() as settings:
                over_modbus[meter.name] = (meter.role, settings)
            case mqtt.MqttSettings() as settings:
                over_mqtt[meter.name] = (meter.role, settings)
            case PulseSettings() as settings:
                over_http[meter.name] = (meter.role, settings)
            case _:
                assert_never(meter.settings)
    socs = {name: car.soc for name, car in config.vehicles.items() if car.soc is not None}
    charges = {name: car.elsewhere for name, car in config.vehicles.items() if car.elsewhere is not None}
    broker = config.mqtt or mqtt.MqttBrokerSettings()
    try:
        return [
            *modbus.build(over_modbus, clock, sink, devices),
            *(Pulse(name, role, its, clock, sink, devices) for name, (role, its) in over_http.items()),
            *mqtt.build(broker, over_mqtt, socs, clock, sink, soc_sink, devices, dimmed_sink, charges, charge_sink),
        ]
    except ValueError as error:  # `hemsd check` reads the device files too, so one has changed since
        raise DeviceError(str(error)) from error


def readers(drivers: Iterable[Driver]) -> dict[str, Driver]:
    """By meter, the driver that reads it: over Modbus each its own, over MQTT one for all."""
    found: dict[str, Driver] = {}
    for driver in drivers:
        found |= dict.fromkeys(driver.reads if isinstance(driver, mqtt.MqttReader) else (driver.name,), driver)
    return found


def battery_control(drivers: Iterable[Driver]) -> BatteryControl | None:
    """How the battery is told what it may give; config.yaml allows one way at most."""
    for driver in drivers:
        if isinstance(driver, BatteryTopic):
            return driver
        if isinstance(driver, modbus.ModbusMeter) and driver.storage is not None:
            return driver.storage
    return None


def why_silent(meter: str, reader: Driver, troubles: Mapping[str, str | None]) -> str | None:
    """Why nothing comes from a meter, for people; None while its driver knows of no trouble."""
    complaint = reader.complaints.get(meter) if isinstance(reader, mqtt.MqttReader) else None
    return complaint or troubles.get(reader.name)


def behind_inverter(meters: Iterable[NamedMeter]) -> frozenset[str]:
    """The meters that see only what the house uses."""
    return frozenset(meter.name for meter in meters if meter.settings.position is Position.HOUSE)
