"""GetConfiguration as boxes answer it, and what setting up makes of it."""

from __future__ import annotations

import pytest

from drivers.ocpp16.charge_point import Patience
from drivers.ocpp16.configuration import Configuration, read_configuration
from drivers.ocpp16.ways import Unit
from tests.ocpp16.fakes import box, home, settle, until


def told(**values: object) -> Configuration:
    return read_configuration({"configurationKey": [{"key": k, "value": v} for k, v in values.items()]})


@pytest.mark.parametrize(
    ("said", "units"),
    [
        ("Current", (Unit.AMPS,)),
        ("Power", (Unit.WATTS,)),
        ("power", (Unit.WATTS,)),
        ("Current,Power", (Unit.AMPS, Unit.WATTS)),
        (" Power , Current ", (Unit.AMPS, Unit.WATTS)),
        ("A", (Unit.AMPS,)),
        ("W", (Unit.WATTS,)),
        ("", ()),
        ("Bananas", ()),
        (None, ()),
        (7, ()),
    ],
)
def test_wb_49_units_however_they_are_spelled(said, units):
    assert told(ChargingScheduleAllowedChargingRateUnit=said).units == units
    assert told(ChargingScheduleAllowedChargingRateUnit=said).offer.units == (units or tuple(Unit))


@pytest.mark.parametrize(
    ("said", "smart"),
    [("Core, SmartCharging ,RemoteTrigger", True), ("Core", False), ("", None), (None, None), ("smartcharging", True)],
)
def test_wb_15_feature_profiles_are_a_hint_with_or_without_spaces(said, smart):
    assert told(SupportedFeatureProfiles=said).smart_charging is smart


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"configurationKey": None},
        {"configurationKey": [None, 1, {}, {"key": None}, {"key": "X"}]},
        {"unknownKey": []},
    ],
)
def test_wb_14_an_answer_without_anything_readable_gives_defaults(payload):
    configuration = read_configuration(payload)
    assert configuration.two_periods
    assert configuration.offer.max_stack is None
    assert configuration.phase_switching is None


def test_wb_14_values_may_be_numbers_booleans_or_missing_readonly():
    configuration = told(
        ChargeProfileMaxStackLevel=3, ConnectorSwitch3to1PhaseSupported=True, chargingschedulemaxperiods="1"
    )
    assert configuration.offer.max_stack == 3
    assert configuration.phase_switching is True
    assert not configuration.two_periods


async def written(answers: dict, configuration: dict | None = None) -> list[tuple[str, str]]:
    async with home() as at, box(at.url()) as station:
        station.answers.update(answers)
        station.configuration.update(configuration or {})
        await station.boot()
        await until(lambda: station.got("GetConfiguration"))
        for _ in range(5):
            await settle()
        return [(change["key"], change["value"]) for change in station.got("ChangeConfiguration")]


async def test_wb_14_a_box_that_tells_one_key_at_a_time_is_asked_one_at_a_time():
    async with home() as at, box(at.url()) as station:
        all_keys = station._on_GetConfiguration

        def one_only(payload):
            return (
                all_keys(payload) if len(payload.get("key", [])) == 1 else [4, "OccurrenceConstraintViolation", "", {}]
            )

        station.answers["GetConfiguration"] = one_only
        station.configuration["ChargeProfileMaxStackLevel"] = "7"
        await station.boot()
        await until(lambda: at.garage.configuration.offer.max_stack == 7)


async def test_wb_14_a_box_that_cuts_its_list_is_asked_for_the_rest():
    async with home() as at, box(at.url()) as station:
        station.configuration["ChargeProfileMaxStackLevel"] = "7"

        def three_at_most(payload):
            asked = payload.get("key") or ["GetConfigurationMaxKeys", "MeterValueSampleInterval", "X"]
            told = {**station.configuration, "GetConfigurationMaxKeys": "3", "X": "1"}
            return {"configurationKey": [{"key": key, "value": told[key]} for key in asked if key in told]}

        station.answers["GetConfiguration"] = three_at_most
        await station.boot()
        await until(lambda: at.garage.configuration.offer.max_stack == 7)


async def test_wb_14_a_box_that_tells_nothing_is_set_up_all_the_same():
    changes = await written({"GetConfiguration": lambda payload: [4, "NotSupported", "", {}]})
    assert ("MeterValueSampleInterval", "10") in changes


async def test_wb_16_measurands_that_are_refused_as_a_list_are_tried_one_by_one_and_kept():
    def picky(payload):
        words = payload["value"].split(",")
        bad = payload["key"] == "MeterValuesSampledData" and ({"SoC", "Voltage"} & set(words))
        return {"status": "Rejected" if bad else "Accepted"}

    async with home() as at:
        async with box(at.url()) as station:
            station.answers["ChangeConfiguration"] = picky
            await station.boot()
            await until(lambda: at.memories)
        assert at.memories[-1].measurands == (
            "Energy.Active.Import.Register",
            "Power.Active.Import",
            "Current.Import",
            "Current.Offered",
        )
        assert at.memories[-1].key == "Acme|Wall 11|1.0"
        async with box(at.url()) as station:
            station.answers["ChangeConfiguration"] = picky
            await station.boot()
            await until(lambda: station.got("ChangeConfiguration"))
            await settle()
            await settle()
            (written,) = station.got("ChangeConfiguration")  # once, and the list that worked
            assert written["value"] == ",".join(at.memories[-1].measurands)


async def test_wb_16_a_list_that_is_read_only_is_left_alone():
    def read_only(payload):
        keys = {"MeterValuesSampledData": "Energy.Active.Import.Register", "MeterValueSampleInterval": "10"}
        return {"configurationKey": [{"key": k, "value": v, "readonly": True} for k, v in keys.items()]}

    assert await written({"GetConfiguration": read_only}) == []


async def test_wb_16_a_list_is_cut_to_the_length_that_the_box_can_hold():
    changes = await written({}, {"MeterValuesSampledDataMaxLength": "2"})
    assert ("MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import") in changes


async def test_wb_19_a_change_that_needs_a_reboot_is_not_followed_by_one():
    async with home() as at, box(at.url()) as station:
        station.answers["ChangeConfiguration"] = lambda payload: {"status": "RebootRequired"}
        await station.boot()
        await until(lambda: len(station.got("ChangeConfiguration")) == 2)
        await settle()
        assert station.got("Reset") == []


async def test_wb_21_the_interval_that_counts_is_the_one_the_box_keeps():
    async with home() as at, box(at.url()) as station:

        def at_least_30(payload):
            if payload["key"] == "MeterValueSampleInterval":
                station.configuration["MeterValueSampleInterval"] = "30"
            return {"status": "Accepted"}

        station.answers["ChangeConfiguration"] = at_least_30
        await station.boot()
        await until(lambda: at.memories and at.memories[-1].interval_s == 30)
        assert at.garage.sample_interval_s == 30
        written = len(station.got("ChangeConfiguration"))
        await station.boot()
        await until(lambda: len(station.got("GetConfiguration")) >= 3)
        await settle()
        await settle()
        assert [c["key"] for c in station.got("ChangeConfiguration")[written:]] == ["MeterValuesSampledData"]


async def test_wb_12_a_reboot_sets_the_box_up_again_and_reinstalls_the_limit():
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await at.garage.send_limit(9, None, failsafe_a=6)
        await settle()
        asked, sent = len(station.got("GetConfiguration")), len(station.limits)
        await station.boot()
        await until(lambda: len(station.got("GetConfiguration")) > asked and len(station.limits) > sent)
        assert station.limits[-1] == 9.0


async def test_wb_13_a_box_that_reboots_over_and_over_is_no_longer_configured():
    async with home() as at:
        for boots in range(4):
            async with box(at.url()) as station:
                await station.boot()
                await until(lambda s=station: s.got("GetConfiguration"))
                for _ in range(3):
                    await settle()
                assert bool(station.got("ChangeConfiguration")) == (boots < 2)
            at.clock.leap(30)
        assert at.garage.preparation.minimal
        at.clock.leap(600)
        async with box(at.url()) as station:
            await station.boot()
            await until(lambda: station.got("ChangeConfiguration"))


async def test_a_box_that_does_not_answer_is_not_asked_key_by_key():
    async with home(patience=Patience(command_s=0.05, setup_s=0.05)) as at, box(at.url()) as station:
        station.answers["GetConfiguration"] = lambda payload: None
        await station.boot()
        await until(lambda: station.got("ChangeConfiguration"))
        await settle()
        assert len(station.got("GetConfiguration")) <= 2  # everything, and the interval after it was set
