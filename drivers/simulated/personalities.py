"""How real wallboxes and cars differ from the standard, as data: one field for each way, one name for each known case.

A personality says what is different from an honest wallbox; several can be worn together, and where two of them say
something about the same thing, the later one has it. The names are those under which the field knows the behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from drivers.base import Unfit
from drivers.simulated.station import SWITCH_PAUSE_S, tenths, whole_amperes
from hemsd.said import said


class Zero(StrEnum):
    """What a wallbox makes of a limit below the 6 A that a pilot can express."""

    SUSPENDS = "suspends"
    REJECTS = "rejects"
    ENDS_FINISHING = "ends the transaction and waits for the unplugging"
    ENDS_SILENTLY = "ends the transaction and returns to Preparing without a StatusNotification"
    LOCKS_OUT = "ends this transaction, and each later one after a second, while the profile stands"


class Sampling(StrEnum):
    PERIODIC = "periodic"
    ON_TRIGGER = "only when TriggerMessage asks"
    NEVER = "never"


class Stamp(StrEnum):
    """How a wallbox writes the time."""

    UTC = "utc"
    LOCAL_NO_ZONE = "local time without a zone"
    YEAR_1970 = "clock never set"


@dataclass(frozen=True, slots=True)
class Personality:
    """The defaults are the honest wallbox with an ordinary car."""

    # what becomes of a profile
    obeys: bool = True
    deaf_to_kinds: frozenset[str] = frozenset()  # Accepted, and without effect
    rejects_stack_above: int | None = None
    tx_default_for_next_tx_only: bool = False
    drops_tx_profile_while_suspended: bool = False
    zero: Zero = Zero.SUSPENDS
    full_current_after_pause: bool = False
    rounding: Callable[[float], float] = whole_amperes
    cap_a: float | None = None
    rate_units: str = "Current,Power"
    watts_by_three: bool = False  # divides watts by three phases whatever the profile says
    switches_phases: bool = True  # False: says that it can, accepts and does not
    switch_pause_s: float = SWITCH_PAUSE_S
    # what it says
    currents: bool = True  # tells them phase by phase; False: only the power of all together
    offered: bool = True
    offered_constant_a: float | None = None
    offered_echoes: bool = False  # says what it was told, whatever it does
    sampling: Sampling = Sampling.PERIODIC
    sample_floor_s: float = 1.0
    stamp: Stamp = Stamp.UTC
    backlog: bool = False  # keeps samples while offline and sends them later
    stale_transaction_id: bool = False
    stop_transaction_id: int | None = None
    restates_start: bool = False  # sends StartTransaction again after each reconnect
    id_tag_suffix: str = ""
    serial: str = "SIM-0001"
    bad_unit: bool = False
    bad_json: bool = False
    # how it answers
    get_configuration_fails: bool = False
    get_configuration_max_keys: int = 50
    answer_delay_s: float = 0.0  # real seconds: the other side's time-out is real, too
    answers_profiles: bool = True
    # its link
    boots: bool = True
    reboots_on_many_measurands: bool = False
    goes_deaf_after_s: float | None = None  # the socket stays open and nothing comes or goes
    connects_twice_after_s: float | None = None
    reconnect_after_s: float = 10.0
    # its transactions
    restarts_from_finishing: bool = True
    # the car at its cable; None: as the settings say
    car_soc_pct: float | None = None
    car_phases: int | None = None
    car_min_a: float | None = None
    car_max_a: float | None = None
    car_sleeps_after_s: float | None = None
    car_overshoot_s: float | None = None


def integer_up_to_max(limit_a: float) -> float:
    """8.8 A became 16 A: a fraction is taken for nonsense, and nonsense for no limit."""
    return limit_a if limit_a == round(limit_a) else 1e6


def steps_6_8_10_13_16(limit_a: float) -> float:
    return max((step for step in (0.0, 6.0, 8.0, 10.0, 13.0, 16.0) if step <= limit_a), default=0.0)


PERSONALITIES: dict[str, Personality] = {
    "honest": Personality(),
    "tenths": Personality(rounding=tenths),  # honest too, and finer
    # profiles
    "ignores_profile": Personality(obeys=False),
    "ignores_relative": Personality(deaf_to_kinds=frozenset({"Relative"})),
    "ignores_absolute": Personality(deaf_to_kinds=frozenset({"Absolute"})),
    "stack0_only": Personality(rejects_stack_above=0),
    "txdefault_next_tx_only": Personality(tx_default_for_next_tx_only=True),
    "txprofile_dropped_when_suspended": Personality(drops_tx_profile_while_suspended=True),
    "zero_rejects": Personality(zero=Zero.REJECTS),
    "zero_ends_tx_finishing": Personality(zero=Zero.ENDS_FINISHING),
    "zero_ends_tx_silent_preparing": Personality(zero=Zero.ENDS_SILENTLY),
    "zero_persists_lockout": Personality(zero=Zero.LOCKS_OUT),
    "resume_full_current": Personality(full_current_after_pause=True),
    "integer_up_to_max": Personality(rounding=integer_up_to_max),
    "steps_6_8_10_13_16": Personality(rounding=steps_6_8_10_13_16),
    "cap_10": Personality(cap_a=10.0),
    "cap_18": Personality(cap_a=18.0),
    "watts_only_lowercase": Personality(rate_units="power"),
    "watts_divides_by_three": Personality(watts_by_three=True),
    "phases_true_but_ignored": Personality(switches_phases=False),
    "phases_no_pause": Personality(switch_pause_s=0.0),
    # samples
    "offered_constant_16": Personality(offered_constant_a=16.0),
    "offered_echoes_and_ignores": Personality(obeys=False, offered_echoes=True),
    "offered_absent": Personality(offered=False),
    "power_only": Personality(currents=False, offered=False),
    "no_metervalues": Personality(sampling=Sampling.NEVER),
    "meter_only_on_trigger": Personality(sampling=Sampling.ON_TRIGGER),
    "meter_30s": Personality(sample_floor_s=30.0),
    "local_time_no_zone": Personality(stamp=Stamp.LOCAL_NO_ZONE),
    "year_1970": Personality(stamp=Stamp.YEAR_1970),
    "backlog_after_reconnect": Personality(backlog=True),
    "stale_txid": Personality(stale_transaction_id=True),
    "bad_unit": Personality(bad_unit=True),
    "bad_json": Personality(bad_json=True),
    # frames and answers
    "stop_unknown_id": Personality(stop_transaction_id=-1),
    "tx_restart_same_timestamp": Personality(restates_start=True),
    "idtag_plus_two_bytes": Personality(id_tag_suffix="\x03\x00"),
    "long_serial": Personality(serial="SIM-0001-LONGER-THAN-25-CHARACTERS"),
    "callerror_on_get": Personality(get_configuration_fails=True),
    "getconfig_one_key": Personality(get_configuration_max_keys=1),
    "slow_answer_25s": Personality(answer_delay_s=25.0),
    "no_answer_but_applies": Personality(answers_profiles=False),
    # the link
    "no_boot": Personality(boots=False),
    "boot_loop_on_measurands": Personality(reboots_on_many_measurands=True),
    "half_open": Personality(goes_deaf_after_s=300.0),
    "double_connect": Personality(connects_twice_after_s=60.0),
    "reconnect_after_19min": Personality(reconnect_after_s=19 * 60.0),
    # transactions
    "finishing_until_unplug": Personality(restarts_from_finishing=False),
    "finishing_restartable": Personality(restarts_from_finishing=True),
    # cars
    "car_taper": Personality(car_soc_pct=90.0),
    "car_1phase": Personality(car_phases=1),
    "car_2phase": Personality(car_phases=2),
    "car_max7": Personality(car_max_a=7.0),
    "car_zoe_min8": Personality(car_min_a=8.0),
    "car_sleeps_after_pause": Personality(car_sleeps_after_s=600.0),
    "car_overshoots_8s": Personality(car_overshoot_s=8.0),
}


def compose(names: Iterable[str]) -> Personality:
    """One personality out of several names. ValueError names the ones that are unknown."""
    wanted = list(names)
    if unknown := sorted(set(wanted) - PERSONALITIES.keys()):
        raise Unfit(
            said("set.personality", "unknown personality: {names}", names=", ".join(unknown)),
            said("set.personality.do", "known are {known}", known=", ".join(sorted(PERSONALITIES))),
        )
    honest = PERSONALITIES["honest"]
    whole = honest
    for name in wanted:
        part = PERSONALITIES[name]
        differs = [field.name for field in fields(part) if getattr(part, field.name) != getattr(honest, field.name)]
        whole = replace(whole, **{field: getattr(part, field) for field in differs})
    return whole
