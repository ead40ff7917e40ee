"""What Home Assistant is told of the home, as values: which entities there are, and what they read. Pure.

The words are those of Home Assistant's MQTT discovery (home-assistant.io/integrations/mqtt, "MQTT Discovery"): one
retained message an entity under ``homeassistant/<component>/<node>/<object>/config``. The home is one device and so is
each wallbox. All entities of a device read the same JSON, so one message brings all its numbers at the same moment.

``node`` is made once from the home's own uuid: ids stay the same over restarts and new names, and two homes on one
broker do not meet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import hemsd
from hemsd.model import DecisionKind, MeterReading, Mode, Outcome, Role, SteeringState
from web.state_models import StatePage, WallboxPage

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"  # Home Assistant says "online" there after its own start
ONLINE, OFFLINE = "online", "offline"
LONGEST_STATE = 255  # characters that a state may have in Home Assistant
Json = str | float | int | bool | None | Mapping[str, "Json"] | list["Json"]


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing that Home Assistant shows. ``key`` is where its value stands in the device's JSON."""

    component: str
    key: str
    name: str
    config: Mapping[str, Json] = field(default_factory=dict)
    command: bool = False


Card = Mapping[str, Json]
Shape = tuple[str, str, Card, tuple[Entity, ...]]


@dataclass(frozen=True, slots=True)
class Device:
    """The home, or a wallbox, with the topic below which everything of it stands."""

    id: str
    topic: str
    card: Card
    entities: tuple[Entity, ...]
    state: Mapping[str, Json]

    @property
    def shape(self) -> Shape:
        """All but what it reads."""
        return self.id, self.topic, self.card, self.entities


def power(key: str, name: str) -> Entity:
    return _number("power", "W", key, name)


def current(key: str, name: str) -> Entity:
    return _number("current", "A", key, name)


def energy(key: str, name: str) -> Entity:
    config = {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "total_increasing"}
    return Entity("sensor", key, name, {**config, "suggested_display_precision": 2})


def level(key: str, name: str) -> Entity:
    return _number("battery", "%", key, name)


def _number(kind: str, unit: str, key: str, name: str) -> Entity:
    config = {"device_class": kind, "unit_of_measurement": unit, "state_class": "measurement"}
    return Entity("sensor", key, name, config)


def word(key: str, name: str, words: list[Json]) -> Entity:
    return Entity("sensor", key, name, {"device_class": "enum", "options": words})


def flag(key: str, name: str, kind: str) -> Entity:
    return Entity("binary_sensor", key, name, {"device_class": kind, "payload_on": "True", "payload_off": "False"})


WALLBOX = (
    flag("connected", "Connected", "connectivity"),
    flag("plugged", "Plugged in", "plug"),
    flag("charging", "Charging", "battery_charging"),
    power("power_w", "Power"),
    current("limit_a", "Limit"),
    current("offered_a", "Offered"),
    energy("session_kwh", "Visit energy"),
    energy("session_solar_kwh", "Visit energy from the sun"),
    energy("session_battery_kwh", "Visit energy from the battery"),
    energy("session_grid_kwh", "Visit energy from the grid"),
    level("soc_pct", "Car battery"),
    Entity("sensor", "plugged_in_at", "Plugged in at", {"device_class": "timestamp"}),
    word("state", "Steering", list(SteeringState)),
    word("decision", "Decision", list(DecisionKind)),
    Entity("sensor", "reason", "Reason"),
    word("outcome", "Last command", list(Outcome)),
    Entity("select", "mode", "Mode", {"options": list(Mode)}, command=True),
    Entity("switch", "boost", "Boost", {"payload_on": "True", "payload_off": "False"}, command=True),
    Entity(
        "number", "target_pct", "Target", {"min": 1, "max": 100, "step": 1, "unit_of_measurement": "%"}, command=True
    ),
    Entity("button", "clear_target", "Back to the schedule", {"payload_press": "press"}, command=True),
)


def devices(node: str, state: StatePage, readings: Mapping[str, tuple[Role, MeterReading | None]]) -> Iterator[Device]:
    """The home first, then its wallboxes. ``readings`` are the meters' newest, by name."""
    yield _home(node, state, readings)
    for name, box in state.wallboxes.items():
        yield _wallbox(node, name, box)


def _home(node: str, state: StatePage, readings: Mapping[str, tuple[Role, MeterReading | None]]) -> Device:
    entities = [
        power("house_w", "House"),
        power("dimmed_w", "Left by the grid operator"),
        flag("problem", "Problem", "problem"),
        Entity("sensor", "alert", "Alert"),
    ]
    values: dict[str, Json] = {
        "house_w": _rounded(state.house_w),
        "dimmed_w": _rounded(state.site.dimmed.dimmed_w) if state.site.dimmed else None,
        "problem": bool(state.alerts),
        "alert": _short(state.alerts[0].text) if state.alerts else None,
    }
    for name, (role, reading) in readings.items():
        title = name.replace("_", " ").capitalize()
        page = state.meters.get(name)
        fresh = page is not None and page.ok
        entities.append(power(f"{name}_power_w", f"{title} power"))
        values[f"{name}_power_w"] = _rounded(page.power_w) if page and fresh else None
        if role is Role.BATTERY:
            entities.append(level(f"{name}_soc_pct", f"{title} level"))
            values[f"{name}_soc_pct"] = page.soc_pct if page and fresh else None
        for key, label, wh in (
            ("import_kwh", "import", reading.energy_import_wh if reading else None),
            (
                "export_kwh",
                "export" if role is not Role.PV else "production",
                reading.energy_export_wh if reading else None,
            ),
        ):
            if role is not Role.PV or key == "export_kwh":
                entities.append(energy(f"{name}_{key}", f"{title} {label}"))
                values[f"{name}_{key}"] = None if wh is None else round(wh / 1000, 3)
    card: dict[str, Json] = {"identifiers": [f"hemsd_{node}"], "name": state.site.name, "manufacturer": "hemsd"}
    return Device("home", f"hemsd/{node}/home", {**card, "sw_version": state.version}, tuple(entities), values)


def _wallbox(node: str, name: str, box: WallboxPage) -> Device:
    card: dict[str, Json] = {
        "identifiers": [f"hemsd_{node}_{name}"],
        "name": f"Wallbox {name}",
        "via_device": f"hemsd_{node}",
    }
    told = {"manufacturer": box.vendor, "model": box.model, "sw_version": box.firmware}
    values: dict[str, Json] = {
        "connected": box.connected,
        "plugged": box.plugged,
        "charging": box.charging,
        "power_w": _rounded(box.power_w),
        "limit_a": box.limit_a,
        "offered_a": box.offered_a,
        "session_kwh": box.session_kwh,
        "session_solar_kwh": box.session_solar_kwh,
        "session_battery_kwh": box.session_battery_kwh,
        "session_grid_kwh": box.session_grid_kwh,
        "soc_pct": box.soc_pct,
        "plugged_in_at": box.plugged_in_at.isoformat() if box.plugged_in_at else None,
        "state": box.state,
        "decision": box.decision.kind if box.decision else None,
        "reason": _short(box.decision.reason) if box.decision else None,
        "outcome": box.command.outcome if box.command else None,
        "mode": box.mode,
        "boost": box.boost,
        "target_pct": box.target_pct,
    }
    card.update({key: text for key, text in told.items() if text})
    return Device(f"wallbox_{name}", f"hemsd/{node}/wallbox/{name}", card, WALLBOX, values)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_STATE else text[: LONGEST_STATE - 1] + "…"


# ---------------------------------------------------------------------------------------------------------------------
# Messages


def status_topic(node: str) -> str:
    """Where hemsd is said to be online; the broker's last will says the contrary."""
    return f"hemsd/{node}/status"


def discovery(node: str, device: Device) -> Iterator[tuple[str, str]]:
    """(topic, payload) of each entity of a device."""
    for entity in device.entities:
        object_id = f"{device.id}_{entity.key}"
        payload: dict[str, Json] = {
            "name": entity.name,
            "unique_id": f"hemsd_{node}_{object_id}",
            "availability_topic": status_topic(node),
            "device": device.card,
            "origin": {"name": "hemsd", "sw_version": hemsd.__version__},
            **entity.config,
        }
        if entity.component != "button":
            payload["state_topic"] = f"{device.topic}/state"
            payload["value_template"] = f"{{{{ value_json['{entity.key}'] }}}}"
        if entity.component == "switch":
            payload |= {"state_on": "True", "state_off": "False"}
        if entity.command:
            payload["command_topic"] = f"{device.topic}/{entity.key}/set"
        yield f"{PREFIX}/{entity.component}/hemsd_{node}/{object_id}/config", json.dumps(payload)
