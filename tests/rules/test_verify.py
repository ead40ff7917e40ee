"""Verdicts as stories: what was asked, what was seen, what may be said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hemsd.model import Command, DispatchStatus, Outcome, Sample, VerificationSettings
from rules.trial import Trial, Verdict
from rules.verify import judge
from rules.witness import Trust, Witness, earns_trust, learn, offered_matches

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
STRICT = VerificationSettings(evidence=("offered",))
TRUSTED = Witness(Trust.TRUSTED)


def sample(
    at_s: float, amps: float | tuple[float, ...] | None = None, offered: float | None = None, **more: object
) -> Sample:
    if amps is None:
        currents: tuple[float | None, float | None, float | None] = (None, None, None)
    elif isinstance(amps, tuple):
        currents = amps  # type: ignore[assignment]
    else:
        currents = (amps, 0.0, 0.0)
    known = [a for a in currents if a is not None]
    power = 230.0 * sum(known) if known else None
    made = Sample(at_s, START + timedelta(seconds=at_s), currents_a=currents, offered_a=offered, power_w=power)
    return replace(made, **more)  # type: ignore[arg-type]


def trial(
    amps: float,
    before_a: float | None,
    before: Sample | None = None,
    phases: int | None = None,
    before_phases: int | None = None,
    status: DispatchStatus = DispatchStatus.APPLIED,
    interval_s: float = 10.0,
    car: int | None = None,
) -> Trial:
    command = Command(1, "garage", START, 100.0, amps, phases, amps * 230, before_a=before_a, dispatch_status=status)
    return Trial(command, before, 100.0, interval_s, before_phases, car)


def verdict(t: Trial, *samples: Sample, witness: Witness = Witness(), now_s: float = 400.0) -> Verdict:  # noqa: B008
    return judge(t, samples, witness, now_s)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (DispatchStatus.REJECTED, Outcome.REJECTED),
        (DispatchStatus.UNREACHABLE, Outcome.UNREACHABLE),
        (DispatchStatus.NOT_CAPABLE, Outcome.NOT_CAPABLE),
    ],
)
def test_a_refusal_is_its_own_verdict_at_once(status: DispatchStatus, outcome: Outcome) -> None:
    got = verdict(trial(10, 6, status=status), now_s=100.0)
    assert (got.outcome, got.final) == (outcome, True)


def test_a_reduction_is_proved_by_two_samples_at_the_new_limit() -> None:
    t = trial(8, 16, before=sample(95, 15.8))
    assert not verdict(t, sample(105, 7.9), now_s=106).final
    got = verdict(t, sample(105, 7.9), sample(115, 7.8), now_s=116)
    assert (got.outcome, got.evidence.rule, got.effect_s) == (Outcome.APPLIED, "import-fell", 5.0)


def test_one_sample_is_enough_where_the_wallbox_samples_rarely() -> None:
    t = trial(8, 16, before=sample(95, 15.8), interval_s=60)
    assert verdict(t, sample(140, 7.9), now_s=141).outcome is Outcome.APPLIED


def test_a_reduction_that_changes_nothing_is_ineffective_when_the_window_ends_not_before() -> None:
    t = trial(8, 16, before=sample(95, 15.8))
    seen = (sample(105, 15.8), sample(115, 15.8))
    assert not verdict(t, *seen, now_s=129.9).final
    got = verdict(t, *seen, now_s=130.0)
    assert (got.outcome, got.final) == (Outcome.ACCEPTED_INEFFECTIVE, True)


def test_a_car_that_overshoots_for_some_seconds_is_judged_by_how_it_ends() -> None:
    t = trial(8, 16, before=sample(95, 15.8))
    got = verdict(t, sample(102, 15.8), sample(107, 15.8), sample(112, 8.1), sample(122, 8.0), now_s=123)
    assert got.outcome is Outcome.APPLIED


def test_a_start_is_proved_by_current_even_where_nothing_is_offered() -> None:
    got = verdict(trial(6, 0, before=sample(95, 0.0)), sample(120, 5.8), sample(130, 5.8), now_s=131)
    assert (got.outcome, got.evidence.rule) == (Outcome.APPLIED, "import-rose")


def test_a_car_that_does_not_wake_within_the_start_window_leaves_the_command_unverified() -> None:
    t = trial(6, 0, before=sample(95, 0.0))
    assert not verdict(t, sample(150, 0.0), sample(160, 0.0), now_s=169.9).final
    got = verdict(t, sample(150, 0.0), sample(160, 0.0), now_s=170.0)
    assert (got.outcome, got.final) == (Outcome.UNVERIFIED, True)


def test_a_raise_by_one_ampere_is_proved_by_a_trusted_offer_only() -> None:
    t = trial(7, 6, before=sample(95, 5.8, 6))
    seen = (sample(105, 6.8, 7), sample(115, 6.8, 7))
    assert verdict(t, *seen, witness=TRUSTED, now_s=116).outcome is Outcome.APPLIED
    silent = (sample(105, 6.8), sample(115, 6.8))
    assert verdict(t, *silent).outcome is Outcome.UNVERIFIED


def test_an_offer_that_no_current_bears_out_is_not_believed() -> None:
    t = trial(12, 8, before=sample(95, 5.0, 8))
    echo = (sample(105, 5.0, 12), sample(115, 5.0, 12))
    got = verdict(t, *echo)
    assert got.outcome is Outcome.UNVERIFIED
    assert learn(Witness(), t, got).followed == ()
    paused = trial(6, 0, before=sample(95, 0.0, 0))
    follows = (sample(105, 5.0, 6), sample(115, 5.0, 6))
    assert verdict(paused, *follows, now_s=116).outcome is Outcome.APPLIED


def watts(at_s: float, power_w: float) -> Sample:
    return sample(at_s, power_w=power_w)


def test_where_only_power_is_told_a_fall_by_its_share_is_proved() -> None:
    t = trial(8, 12, before=watts(95, 8100), phases=3, before_phases=3)
    got = verdict(t, watts(105, 5300), watts(115, 5300), now_s=116)
    assert (got.outcome, got.evidence.rule) == (Outcome.APPLIED, "import-fell")
    assert verdict(t, watts(105, 6700), watts(115, 6700)).outcome is Outcome.UNVERIFIED


def test_where_only_power_is_told_a_rise_is_proved_when_three_phases_could_not_carry_it_before() -> None:
    t = trial(12, 8, before=watts(95, 5300), phases=3, before_phases=3)
    got = verdict(t, watts(105, 8000), watts(115, 8000), now_s=116)
    assert (got.outcome, got.evidence.rule) == (Outcome.APPLIED, "import-rose")
    assert verdict(t, watts(105, 6700), watts(115, 6700)).outcome is Outcome.UNVERIFIED
    assert verdict(t, watts(105, 10000), watts(115, 10000)).outcome is Outcome.ACCEPTED_INEFFECTIVE


def test_a_power_that_one_phase_might_carry_proves_nothing() -> None:
    t = trial(6, 16, before=watts(95, 3600))
    assert verdict(t, watts(105, 1300), watts(115, 1300)).outcome is Outcome.UNVERIFIED
    assert verdict(t, watts(105, 3600), watts(115, 3600)).outcome is Outcome.UNVERIFIED


def test_more_power_than_three_phases_could_carry_is_no_obedience() -> None:
    t = trial(8, 16, before=watts(95, 11000))
    got = verdict(t, watts(105, 11000), watts(115, 11000))
    assert (got.outcome, got.evidence.rule) == (Outcome.ACCEPTED_INEFFECTIVE, "import-above")


def test_an_offer_that_moved_from_one_setpoint_to_the_next_may_be_believed_at_once() -> None:
    t = trial(7, 6, before=sample(95, 5.8, 6))
    assert verdict(t, sample(105, 6.8, 7), sample(115, 6.8, 7), now_s=116).outcome is Outcome.APPLIED


def test_an_offer_that_always_says_16_proves_nothing() -> None:
    t = trial(16, 6, before=sample(95, 5.8, 16))
    got = verdict(t, sample(105, 5.8, 16), sample(115, 5.8, 16))
    assert got.outcome is Outcome.UNVERIFIED


def test_a_raise_that_a_limit_bound_car_does_not_see_is_ineffective_when_a_trusted_offer_agrees() -> None:
    t = trial(12, 6, before=sample(95, 5.9, 6))
    seen = (sample(105, 5.9, 6), sample(115, 5.9, 6))
    assert verdict(t, *seen, witness=TRUSTED).outcome is Outcome.ACCEPTED_INEFFECTIVE
    assert verdict(t, *seen).outcome is Outcome.UNVERIFIED


def test_a_car_that_takes_less_than_it_may_is_never_a_disobedient_wallbox() -> None:
    t = trial(16, 10, before=sample(95, 7.0))
    assert verdict(t, sample(105, 7.0), sample(115, 7.0)).outcome is Outcome.UNVERIFIED


def test_a_wallbox_that_goes_up_to_its_own_cap_has_obeyed() -> None:
    t = trial(16, 6, before=sample(95, 5.9, 6))
    got = verdict(t, sample(105, 9.9, 10), sample(115, 9.9, 10), witness=TRUSTED)
    assert (got.outcome, got.evidence.rule) == (Outcome.APPLIED, "offered-capped")


def test_a_pause_is_proved_when_the_current_stops_and_ignored_when_it_flows_on() -> None:
    t = trial(0, 8, before=sample(95, 7.8))
    assert verdict(t, sample(110, 0.2), sample(120, 0.0), now_s=121).outcome is Outcome.APPLIED
    assert verdict(t, sample(110, 7.8), sample(120, 7.8)).outcome is Outcome.ACCEPTED_INEFFECTIVE


def test_an_offer_of_nothing_is_no_proof_while_the_car_still_draws() -> None:
    t = trial(0, 8, before=sample(95, 7.8, 8))
    got = verdict(t, sample(110, 7.8, 0), sample(120, 7.8, 0), witness=TRUSTED)
    assert got.outcome is Outcome.ACCEPTED_INEFFECTIVE


@pytest.mark.parametrize(
    "useless",
    [
        {"backlog": True},
        {"context": "Transaction.End"},
        {"received_s": 99.0},
        {"box_time": START - timedelta(hours=1)},
    ],
)
def test_history_and_closing_values_are_no_evidence(useless: dict[str, object]) -> None:
    before = sample(95, 15.8, box_time=START)
    t = trial(8, 16, before=before)
    got = verdict(t, sample(105, 7.9, **useless), sample(115, 7.9, **useless))
    assert (got.outcome, got.evidence.rule) == (Outcome.UNVERIFIED, "no-samples")


def test_a_phase_switch_needs_to_be_seen() -> None:
    t = trial(6, 16, before=sample(95, (15.8, 0.0, 0.0)), phases=3, before_phases=1)
    three = (5.8, 5.8, 5.8)
    got = verdict(t, sample(150, three), sample(160, three), now_s=161)
    assert (got.outcome, got.evidence.rule) == (Outcome.APPLIED, "phases")


def test_three_phases_that_flow_on_after_a_switch_to_one_are_a_failed_switch() -> None:
    three = (7.9, 7.9, 7.9)
    t = trial(8, 8, before=sample(95, three), phases=1, before_phases=3)
    seen = (sample(215, three), sample(225, three))
    assert not verdict(t, *seen, now_s=229.9).final
    assert verdict(t, *seen, now_s=230.0).outcome is Outcome.PHASE_SWITCH_INEFFECTIVE


def test_one_phase_on_three_is_the_cars_own_choice_unless_it_was_seen_on_more() -> None:
    one = (7.9, 0.0, 0.0)
    t = trial(8, 8, before=sample(95, one), phases=3, before_phases=1)
    seen = (sample(215, one), sample(225, one))
    assert verdict(t, *seen).outcome is Outcome.UNVERIFIED
    seen_on_three = replace(t, car_uses_phases=3)
    assert judge(seen_on_three, seen, Witness(), 400).outcome is Outcome.PHASE_SWITCH_INEFFECTIVE


def test_a_wallbox_that_acts_and_forgets_to_answer_has_obeyed() -> None:
    t = trial(8, 16, before=sample(95, 15.8), status=DispatchStatus.TIMEOUT)
    early = verdict(t, sample(105, 15.8), now_s=106)
    assert (early.outcome, early.final) == (Outcome.TIMEOUT, False)
    assert verdict(t, sample(105, 7.9), sample(115, 7.9), now_s=116).outcome is Outcome.APPLIED
    assert verdict(t, now_s=400).final


def test_the_strict_reading_hears_only_the_offer() -> None:
    t = trial(8, 16, before=sample(95, 15.8, 16))
    fell = (sample(105, 7.9), sample(115, 7.9))
    assert judge(t, fell, Witness(), 400, STRICT).outcome is Outcome.UNVERIFIED
    offered = (sample(105, 7.9, 8), sample(115, 7.9, 8))
    assert judge(t, offered, Witness(), 116, STRICT).outcome is Outcome.APPLIED
    unmoved = (sample(105, 15.8, 16), sample(115, 15.8, 16))
    assert judge(t, unmoved, Witness(), 400, STRICT).outcome is Outcome.ACCEPTED_INEFFECTIVE


def test_the_strict_reading_does_not_blame_the_current_for_phases_that_nobody_can_see() -> None:
    one = (8.8, 0.0, 0.0)
    t = trial(9, 9, before=sample(95, one, 9), phases=3, before_phases=1)
    got = judge(t, (sample(215, one, 9), sample(225, one, 9)), Witness(), 400, STRICT)
    assert got.outcome is not Outcome.ACCEPTED_INEFFECTIVE


def test_trust_is_earned_by_following_two_setpoints_and_lost_for_good_by_one_contradiction() -> None:
    witness = Witness()
    for amps, before_a in ((10.0, 6.0), (6.0, 10.0)):
        t = trial(amps, before_a, before=sample(95, before_a - 0.2, before_a))
        seen = (sample(105, amps - 0.2, amps), sample(115, amps - 0.2, amps))
        witness = learn(witness, t, judge(t, seen, witness, 400))
    assert witness.trust is Trust.TRUSTED
    t = trial(6, 16, before=sample(95, 15.8, 16))
    lying = (sample(105, 15.8, 6), sample(115, 15.8, 6))
    witness = learn(witness, t, judge(t, lying, witness, 400))
    assert witness.trust is Trust.DISTRUSTED
    honest = (sample(105, 5.8, 6), sample(115, 5.8, 6))
    assert learn(witness, t, judge(t, honest, witness, 400)).trust is Trust.DISTRUSTED


def test_an_offer_that_does_not_follow_proven_commands_is_distrusted() -> None:
    witness = Witness()
    for amps, before_a in ((8.0, 14.0), (11.0, 16.0)):
        t = trial(amps, before_a, before=sample(95, before_a - 0.2, 16))
        seen = (sample(105, amps - 0.2, 16), sample(115, amps - 0.2, 16))
        got = judge(t, seen, witness, 400)
        assert got.outcome is Outcome.APPLIED
        witness = learn(witness, t, got)
    assert witness.trust is Trust.DISTRUSTED


@pytest.mark.parametrize(
    ("offered", "limit", "matches"),
    [(6.0, 7.0, True), (5.9, 7.0, False), (7.3, 7.0, True), (7.4, 7.0, False), (None, 7.0, False), (0.0, 0.0, True)],
)
def test_an_offer_may_be_rounded_down_by_an_ampere_but_hardly_up(
    offered: float | None, limit: float, matches: bool
) -> None:
    assert offered_matches(offered, limit) is matches


@pytest.mark.parametrize(
    ("followed", "earned"),
    [
        ([(6, 6)], False),
        ([(6, 6), (7, 7)], True),
        ([(6, 5.5), (7, 6.5)], False),
        ([(6, 5.5), (8, 7.5)], True),
        ([(6, 6), (6, 6)], False),
    ],
)
def test_two_setpoints_earn_trust_when_rounding_can_not_explain_them(
    followed: list[tuple[float, float]], earned: bool
) -> None:
    assert earns_trust(followed) is earned


# --- the field's cases by their numbers


def told(amps: float, before_a: float, offered: float, *, drawn: float | None = None, **more: object) -> Verdict:
    """Told ``amps`` after ``before_a``, the wallbox then offers ``offered``; its word is trusted."""
    flowed_a, drawn = before_a - 0.2, offered - 0.2 if drawn is None else drawn
    t = trial(amps, before_a, before=sample(95, flowed_a, before_a))
    seen = (sample(105, drawn, offered), sample(115, drawn, offered))
    return judge(t, seen, more.get("witness", TRUSTED), 400)  # type: ignore[arg-type]


def test_wb_51_a_cap_that_is_known_is_still_obedience_when_nothing_moves_any_more() -> None:
    t = trial(16, 6, before=sample(95, 5.9, 6))
    capped = verdict(t, sample(105, 9.9, 10), sample(115, 9.9, 10), witness=TRUSTED)
    known = learn(TRUSTED, t, capped)
    assert known.cap_a == 10.0
    assert told(13, 16, 10, witness=known).evidence.rule == "offered-capped"
    assert told(16, 13, 10, witness=known).evidence.rule == "offered-capped"


def test_wb_51_a_cap_that_was_lifted_is_forgotten() -> None:
    t = trial(16, 6, before=sample(95, 5.9, 6))
    seen = (sample(105, 15.8, 16), sample(115, 15.8, 16))
    known = Witness(Trust.TRUSTED, cap_a=10.0)
    assert learn(known, t, judge(t, seen, known, 400)).cap_a is None


def test_wb_54_one_contradiction_is_enough_where_samples_are_rare_too() -> None:
    t = trial(6, 16, before=sample(95, 15.8, 16), interval_s=60)
    lying = (sample(150, 15.8, 6), sample(210, 15.8, 6))
    got = judge(t, lying, TRUSTED, 400)
    assert got.outcome is Outcome.ACCEPTED_INEFFECTIVE
    assert learn(TRUSTED, t, got).trust is Trust.DISTRUSTED


def test_wb_54_an_offer_of_nothing_while_a_proven_current_flows_is_distrusted() -> None:
    t = trial(8, 16, before=sample(95, 15.8, 0))
    got = judge(t, (sample(105, 7.8, 0), sample(115, 7.8, 0)), Witness(), 400)
    assert got.outcome is Outcome.APPLIED
    assert learn(Witness(), t, got).trust is Trust.DISTRUSTED


def test_wb_55_without_an_offer_a_cut_is_proved_and_a_raise_that_nobody_uses_is_not() -> None:
    down = trial(8, 16, before=sample(95, 15.8))
    assert verdict(down, sample(105, 7.9), sample(115, 7.9)).outcome is Outcome.APPLIED
    up = trial(16, 8, before=sample(95, 7.9))
    got = verdict(up, sample(105, 7.9), sample(115, 7.9))
    assert (got.outcome, got.evidence.rule, got.offered_a) == (Outcome.UNVERIFIED, "no-proof", None)


@pytest.mark.parametrize("drawn", [0.0, 3.0, 7.0, 9.9])
@pytest.mark.parametrize("witness", [Witness(), TRUSTED])
def test_wb_56_a_raise_is_never_ineffective_because_the_car_takes_less(drawn: float, witness: Witness) -> None:
    t = trial(32, 10, before=sample(95, drawn, 10))
    seen = (sample(105, drawn, 32), sample(115, drawn, 32))
    assert judge(t, seen, witness, 400).outcome is not Outcome.ACCEPTED_INEFFECTIVE


@pytest.mark.parametrize("raised_to", [10.5, 12.0, 13.0])
def test_wb_56_a_small_raise_that_a_box_with_coarse_steps_rounds_away_is_not_held_against_it(raised_to: float) -> None:
    assert told(raised_to, 10, 10).outcome in (Outcome.UNVERIFIED, Outcome.APPLIED)
    assert told(13.1, 10, 10).outcome is Outcome.ACCEPTED_INEFFECTIVE


def test_wb_57_an_overshoot_right_before_the_end_of_the_window_needs_two_samples_to_count() -> None:
    t = trial(8, 16, before=sample(95, 15.8))
    assert verdict(t, sample(112, 7.9), sample(128, 15.8), now_s=130).outcome is Outcome.UNVERIFIED


def test_wb_60_what_a_wallbox_merely_holds_is_no_evidence() -> None:
    """There is no place in a sample for a composite schedule; without samples a command stays unverified."""
    got = verdict(trial(8, 16, before=sample(95, 15.8)), witness=TRUSTED)
    assert (got.outcome, got.evidence.rule) == (Outcome.UNVERIFIED, "no-samples")


@pytest.mark.parametrize(
    ("amps", "before_a", "offered", "rule"),
    [
        (12, 10, 6, "offered-limited"),  # its own solar mode holds it down
        (10, 16, 6, "import-fell"),  # a cut is proved all the same
        (12, 10, 10, "no-proof"),  # not moved is not limited
        (12, 10, 9, "no-proof"),  # rounding
        (12, 10, 0, "no-proof"),  # an open contactor is no limit
    ],
)
def test_wb_62_a_box_that_something_else_limits_as_well_has_obeyed(
    amps: float, before_a: float, offered: float, rule: str
) -> None:
    got = told(amps, before_a, offered)
    assert got.evidence.rule == rule
    assert (got.outcome is Outcome.APPLIED) is (rule != "no-proof")


def test_wb_62_an_offer_that_has_not_earned_trust_excuses_nothing() -> None:
    assert told(12, 10, 6, drawn=9.8, witness=Witness()).outcome is Outcome.UNVERIFIED


@pytest.mark.parametrize(("before_phases", "ends_s"), [(3, 230.0), (None, 230.0), (1, 130.0)])
def test_wb_63_a_current_on_three_phases_is_never_one_phase_obeyed(before_phases: int | None, ends_s: float) -> None:
    three, lower = (15.8, 15.8, 15.8), (7.9, 7.9, 7.9)
    t = trial(8, 16, before=sample(95, three), phases=1, before_phases=before_phases)
    seen = (sample(ends_s - 15, lower), sample(ends_s - 5, lower))
    assert not verdict(t, *seen, now_s=ends_s - 0.1).final
    got = verdict(t, *seen, now_s=ends_s)
    assert (got.outcome, got.final) == (Outcome.PHASE_SWITCH_INEFFECTIVE, True)


@pytest.mark.parametrize("active", [2, 3])
def test_wb_66_a_car_of_two_phases_proves_three_that_were_asked_for(active: int) -> None:
    flowing = tuple(7.9 if phase < active else 0.0 for phase in range(3))
    t = trial(8, 8, before=sample(95, (7.9, 0.0, 0.0)), phases=3, before_phases=1)
    assert verdict(t, sample(215, flowing), sample(225, flowing)).outcome is Outcome.APPLIED
    one = trial(8, 8, before=sample(95, flowing), phases=1, before_phases=3)
    assert verdict(one, sample(215, flowing), sample(225, flowing)).outcome is Outcome.PHASE_SWITCH_INEFFECTIVE


def test_three_phases_that_carry_more_than_the_limit_have_not_obeyed_it() -> None:
    t = trial(6, 8, before=sample(95, (7.9, 0.0, 0.0)), phases=3, before_phases=1)
    high = (15.8, 15.8, 15.8)
    assert verdict(t, sample(215, high), sample(225, high)).outcome is Outcome.ACCEPTED_INEFFECTIVE


@pytest.mark.parametrize(("newest_s", "outcome"), [(199.9, "unverified"), (200.0, "phase_switch_ineffective")])
def test_a_wallbox_that_falls_silent_early_is_not_condemned_for_what_it_did_before(
    newest_s: float, outcome: str
) -> None:
    three = (7.9, 7.9, 7.9)
    t = trial(8, 8, before=sample(95, three), phases=1, before_phases=3)
    assert verdict(t, sample(105, three), sample(newest_s, three)).outcome == outcome
