"""A visit, its decisions and its commands as the partner dialect tells them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hemsd.model import Command, Decision, Visit
from rules.course import Battery, Bill, Course, level_pct
from rules.outcome import counts, hems_outcome, session_outcome
from rules.schedule import TargetType
from web.partner_models import EvSession, HemsCommand, HemsDecision, HemsSession, HemsSessionDetail

HIDDEN_BELOW = timedelta(seconds=60)
"""A stay that is shorter is hidden: somebody tried the plug."""


def hems_detail(
    visit: Visit, bill: Bill | None, decisions: Sequence[Decision], commands: Sequence[Command]
) -> HemsSessionDetail:
    return HemsSessionDetail(
        session=hems_session(visit, bill, decisions, commands),
        decisions=[_decision(each) for each in decisions],
        commands=[_command(each) for each in commands],
    )


def hems_session(
    visit: Visit, bill: Bill | None, decisions: Sequence[Decision], commands: Sequence[Command]
) -> HemsSession:
    counted = counts(commands)
    outcome = hems_outcome(visit, decisions, commands)
    complete = bill.has_complete_price_coverage if bill is not None else None
    return HemsSession(
        id=visit.number,
        ocpp_transaction_id=visit.transaction_id,
        started_at=visit.plugged_in_at,
        ended_at=visit.plugged_out_at,
        final_hems_state=visit.final_state.value,
        outcome=outcome.value if outcome is not None else None,
        energy_from_solar_kwh=round(min(visit.solar_wh, visit.energy_wh) / 1000.0, 3),
        savings_eur=_eur(bill.savings_eur) if bill is not None and complete else None,
        has_complete_price_coverage=complete,
        commands_sent=counted.sent,
        commands_applied=counted.applied,
        commands_ineffective=counted.ineffective,
    )


def _decision(decision: Decision) -> HemsDecision:
    grid_w = decision.inputs.get("grid_w")
    return HemsDecision(
        time=decision.at,
        hems_state=decision.state.value,
        decision=decision.kind,
        reason=decision.reason,
        export_w=-grid_w if isinstance(grid_w, float | int) and not isinstance(grid_w, bool) else None,
        target_w=decision.target_w,
        phases=decision.phases,
        dispatched=decision.dispatched,
        steering_command_id=decision.command_id if decision.dispatched else None,
    )


def _command(command: Command) -> HemsCommand:
    return HemsCommand(
        id=command.id,
        time=command.at,
        commanded_watts=command.watts,
        commanded_amps=command.amps,
        commanded_phases=command.phases,
        dispatch_status=command.dispatch_status.value,
        outcome=command.outcome,
        observed_current_offered_a=command.observed_current_offered_a,
        observed_power_w=command.observed_power_w,
    )


def ev_session(
    visit: Visit,
    course: Course | None,
    commands: Sequence[Command],
    battery: Battery,
    *,
    expected_savings_eur: float | None,
    now: datetime,
) -> EvSession:
    """``course`` is None for visits of an older hemsd."""
    ended = visit.plugged_out_at is not None
    known = course or Course(visit.id)
    latest = known.targets.latest
    bill = known.bill if ended else None
    stay = (visit.plugged_out_at or now) - visit.plugged_in_at
    hidden = stay < HIDDEN_BELOW
    final_pct = level_pct(known, visit.energy_wh, battery)
    peak_kw = round(known.peak_w / 1000.0, 3)
    average_kw = round(visit.energy_wh / known.charging_s * 3.6, 3) if known.charging_s > 0 else None
    reachable = known.target_reachable
    return EvSession(
        id=visit.id,
        plug_in_time=visit.plugged_in_at,
        unplug_time=visit.plugged_out_at,
        inferred_session_end=None,
        **_window(known),
        target_soc_pct=latest.minimum_charge_target_pct if latest is not None else None,
        initial_soc_pct=_pct(known.from_pct),
        final_soc_pct=_pct(final_pct) if ended and known.level is not None else None,
        energy_charged_kwh=round(visit.energy_wh / 1000.0, 3),
        avg_charge_power_kw=None if average_kw is None else min(average_kw, peak_kw),
        peak_charge_power_kw=peak_kw if course is not None else None,
        actual_cost_eur=_eur(bill.cost_eur) if bill is not None else None,
        expected_savings_eur=_eur(expected_savings_eur if not ended else known.expected_savings_eur),
        actual_savings_eur=_eur(bill.savings_eur) if bill is not None else None,
        is_at_home=visit.at_home,
        session_outcome=session_outcome(visit, course, commands).value,
        is_hidden=hidden,
        hidden_reason="short_duration" if hidden else None,
        target_reachable=reachable,
        reachable_soc_pct=_reachable(known) if latest is not None else None,
    )


def _window(course: Course) -> dict[str, datetime | None]:
    """When it is meant to charge; never beyond the deadline, which is there only for a level by a time."""
    latest = course.targets.latest
    deadline = latest.ready_by_at if latest is not None and latest.type is TargetType.REGULAR else None
    start_at, end_at = course.desired_start_at, course.desired_end_at
    if end_at is not None and deadline is not None:
        end_at = min(end_at, deadline)
    if start_at is not None and end_at is not None:
        start_at = min(start_at, end_at)
    return {
        "desired_charging_start_time": start_at,
        "desired_charging_end_time": end_at,
        "charge_deadline": deadline,
    }


def _reachable(course: Course) -> int | None:
    """Below the target where that can't be reached: rounded down, so that it never looks reached."""
    if course.reachable_pct is None:
        return None
    return int(min(100.0, max(0.0, course.reachable_pct)))


def _pct(pct: float | None) -> float | None:
    return None if pct is None else round(min(100.0, max(0.0, pct)), 1)


def _eur(eur: float | None) -> float | None:
    return None if eur is None else round(eur, 4) + 0.0  # never -0.0
