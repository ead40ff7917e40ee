"""Which charging profiles a wallbox takes at all: OCPP 1.6 sections 3.13.1 and 5.16.2, and the limits it advertises."""

from __future__ import annotations

from drivers.simulated.configuration import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL
from drivers.simulated.personalities import Personality, Zero
from drivers.simulated.profiles import CP_MAX, TX, Profile, ProfileStore
from hemsd.model import MIN_PILOT_A


def acceptable(
    profile: Profile, connector_id: int, running_id: int | None, held: ProfileStore, personality: Personality
) -> bool:
    """``running_id``: the transaction that runs, None when there is none or its id is not known yet."""
    return (
        _in_place(profile, connector_id, running_id)
        and _expressible(profile, personality)
        and (len(held) < MAX_PROFILES or any(old.id == profile.id for old in held))
    )


def _in_place(profile: Profile, connector_id: int, running_id: int | None) -> bool:
    """ChargePointMaxProfile belongs to the whole wallbox, TxProfile to the transaction that runs."""
    if profile.purpose == CP_MAX:
        return connector_id == 0
    if profile.purpose == TX:
        return connector_id == 1 and running_id is not None and profile.transaction_id in (None, running_id)
    return connector_id in (0, 1)


def _expressible(profile: Profile, personality: Personality) -> bool:
    highest = MAX_STACK_LEVEL if personality.rejects_stack_above is None else personality.rejects_stack_above
    unit = "power" if profile.unit == "W" else "current"
    if profile.stack_level > highest or unit not in personality.rate_units.lower():
        return False
    periods = profile.periods
    if not 0 < len(periods) <= MAX_PERIODS or periods[0].start_s != 0 or any(p.limit < 0 for p in periods):
        return False
    pauses = profile.unit == "A" and periods[0].limit < MIN_PILOT_A
    return not (pauses and personality.zero is Zero.REJECTS)
