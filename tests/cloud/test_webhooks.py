"""Calls to addresses that want to know, before a real server."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from hemsd.cloud.webhooks import signature
from tests.cloud.home import at_home, settings, visit_id
from tests.cloud.receiver import Receiver, receiving, says, taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


def states(receiver: Receiver) -> list[str]:
    return [heard.body["session"]["state"] for heard in receiver.heard]


def test_the_signature_is_the_one_of_the_published_vector() -> None:
    expected = "sha1=e417e6fc2e7f8a78c93a35a7b344d36ce179fc8d"
    assert signature("example-secret", b'{"payload":"example"}') == expected


async def test_each_call_is_signed_and_carries_the_whole_session(path: Path, tmp_path: Path) -> None:
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        visit = await home.plug_in()
        await home.pay("webhook", 1)
        [heard] = hook.heard
        assert heard.line == "POST /hook"
        assert heard.body["event"] == "flex:session:updated"
        assert heard.body["userId"] == "user-1"
        assert heard.body["createdAt"] == "2026-06-21T08:00:00Z"
        assert heard.body["session"]["id"] == visit.id
        expected = hmac.new(b"example-secret", heard.raw, "sha1").hexdigest()
        assert heard.headers["x-enode-signature"] == f"sha1={expected}"
        assert heard.headers["x-enode-delivery"]
        assert "content-encoding" not in heard.headers


async def test_an_array_of_one_where_the_receiver_wants_that(path: Path, tmp_path: Path) -> None:
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook", as_array=True)) as home:
        await home.plug_in()
        await home.pay("webhook", 1)
        assert [event["event"] for event in hook.heard[0].body] == ["flex:session:updated"]


async def test_nothing_is_sent_when_nothing_changed(path: Path, tmp_path: Path) -> None:
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        await home.plug_in()
        await home.pay("webhook", 1)
        for _ in range(3):
            home.cloud.session_changed(home.visits[1].id)
            await home.pay("webhook", 10)
        assert len(hook.heard) == 1
        home.sessions.extra["target"] = 80
        home.cloud.session_changed(home.visits[1].id)
        await home.pay("webhook", 10)
        assert [heard.body["session"].get("target") for heard in hook.heard] == [None, 80]


async def test_a_retry_keeps_the_delivery_id_and_a_newer_state_gets_its_own(path: Path, tmp_path: Path) -> None:
    hook = Receiver(says(500))
    async with receiving(hook), at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        await home.plug_in()
        await home.pay("webhook", 30)
        assert len(hook.heard) > 2
        assert len({heard.key for heard in hook.heard}) == 1
        tries = len(hook.heard)
        await home.plug_out()
        await home.pay("webhook", 60)
        assert len({heard.key for heard in hook.heard[tries:]}) == 1
        assert hook.heard[-1].key != hook.heard[0].key
        assert states(hook)[-1] == "SETTLED", "the newer state took the place of the older"
        hook.behaves = taken
        await home.pay("webhook", 900)
        assert states(hook)[-1] == "SETTLED"
        assert await home.owed("webhook") == 0


async def test_a_settled_session_is_told_once_and_then_never_again(path: Path, tmp_path: Path) -> None:
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        await home.plug_in()
        await home.pay("webhook", 1)
        await home.plug_out()
        await home.pay("webhook", 1)
        assert states(hook) == ["ACTIVE:REGULAR", "SETTLED"]
        home.store.save_course(home.visits[1].id, {"late": True})
        await home.pay("webhook", 5)
        assert len(hook.heard) == 2
        rows = await home.store.views.ask(lambda db: db.execute("SELECT count(*) FROM outbox").fetchone()[0])
        assert rows == 0


async def test_a_quarter_hour_is_told_a_while_later_not_at_once(path: Path, tmp_path: Path) -> None:
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        await home.plug_in()
        home.quarter(energy_wh=100)
        await home.pay("webhook", 1)
        home.clock.leap(900)
        home.quarter(energy_wh=50)
        home.quarter(energy_wh=60)
        await home.pay("webhook", 0.5)
        assert len(hook.heard) == 1
        await home.pay("webhook", 300)
        assert hook.heard[-1].body["session"]["timeseries"] == [100, 60]
        assert len(hook.heard) == 2


@pytest.mark.slow
async def test_after_24_hours_of_failures_the_address_is_given_up_and_shown(path: Path, tmp_path: Path) -> None:
    hook = Receiver(says(500, "broken"))
    async with receiving(hook), at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        await home.plug_in()
        await home.pay("webhook", 86_000)
        assert not home.lane("webhook").closed
        await home.pay("webhook", 3600)
        assert home.lane("webhook").closed
        assert [text for text in home.cloud.troubles().values() if "given up after 24 h: 500 broken" in text]
        await home.plug_out()
        await home.plug_in(2)
        assert await home.owed("webhook") == 1, "what waited is kept; a lane that was given up hears nothing more"

    async with receiving(Receiver(port=hook.port)) as again, at_home(path, home.cloud.settings, home.clock) as home:
        await home.pay("webhook", 120)
        assert again.heard == []
        await home.cloud.retry(None)
        await home.pay("webhook", 61)
        await home.plug_in(3)
        await home.pay("webhook", 61)
        assert [heard.body["session"]["id"] for heard in again.heard] == [visit_id(1), visit_id(3)]
        assert again.heard[0].body["session"]["state"] == "SETTLED"


@pytest.mark.slow
async def test_a_home_that_is_offline_for_days_gives_no_address_up(path: Path, tmp_path: Path) -> None:
    async with receiving() as first:
        url, port = first.url, first.port
    async with at_home(path, settings(url, tmp_path, "webhook")) as home:
        await home.plug_in()
        await home.pay("webhook", 3 * 86_400)
        assert "no connection" in (home.lane("webhook").trouble or "")
        async with receiving(Receiver(port=port)) as hook:
            await home.pay("webhook", 900)
            assert len(hook.heard) == 1


@pytest.mark.slow
async def test_a_dead_hour_then_well_again_does_not_count_towards_the_24(path: Path, tmp_path: Path) -> None:
    hook = Receiver(says(500))
    async with receiving(hook), at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        for number in range(1, 18):
            hook.behaves = says(500)
            await home.plug_in(number)
            await home.pay("webhook", 3600)
            hook.behaves = taken
            await home.pay("webhook", 1800)
        assert not home.lane("webhook").closed
        assert {heard.body["session"]["id"] for heard in hook.heard} == {visit.id for visit in home.visits.values()}


async def test_each_anomaly_of_a_station_is_news_by_itself(path: Path, tmp_path: Path) -> None:
    hook = Receiver(says(503))
    async with receiving(hook), at_home(path, settings(hook.url, tmp_path, "webhook", token="t")) as home:
        anomaly = {"event": "station.anomaly_detected", "charging_station_id": "WB-001", "is_anomaly": True}
        home.store.carry_out(told=home.cloud.marks.of_station({**anomaly, "anomaly_score": 0.7}))
        home.store.carry_out(told=home.cloud.marks.of_station({**anomaly, "anomaly_score": 0.8}))
        await home.pay("webhook", 10)
        hook.behaves = taken
        hook.heard.clear()
        await home.pay("webhook", 120)
        assert [heard.body["anomaly_score"] for heard in hook.heard] == [0.7, 0.8]
        assert len({heard.body["webhook_id"] for heard in hook.heard}) == 2
        assert {heard.headers["authorization"] for heard in hook.heard} == {"Bearer t"}


async def test_a_hook_that_answers_late_has_failed(path: Path, tmp_path: Path) -> None:
    from typing import Any

    from hemsd.cloud.client import Manners
    from tests.cloud.receiver import hangs

    hook = Receiver(hangs)
    async with receiving(hook), at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
        client: Any = home.lane("webhook").transport
        assert client._manners.whole_s == 5
        client._manners = Manners(whole_s=0.1, reads_answer=False)
        await home.plug_in()
        await home.lane("webhook").step()
        assert "no answer" in (home.lane("webhook").trouble or "")


async def test_fields_that_are_left_out_never_leave_and_never_cause_a_call(path: Path, tmp_path: Path) -> None:
    left_out = ["session.secret", "userId"]
    async with receiving() as hook, at_home(path, settings(hook.url, tmp_path, "webhook", leave_out=left_out)) as home:
        home.sessions.extra["secret"] = 1
        await home.plug_in()
        await home.pay("webhook", 1)
        home.sessions.extra["secret"] = 2
        home.cloud.session_changed(home.visits[1].id)
        await home.pay("webhook", 1)
        assert len(hook.heard) == 1
        assert set(hook.heard[0].body) == {"event", "createdAt", "session"}
        assert "secret" not in hook.heard[0].body["session"]


async def test_a_summary_of_each_kind_is_put_once_when_the_visit_is_over(path: Path, tmp_path: Path) -> None:
    left_out = ["session.secret"]
    chosen = settings("", tmp_path, "summaries", leave_out=left_out)
    async with receiving() as cloud:
        assert chosen.summaries is not None
        to = chosen.summaries.model_copy(update={"url": cloud.url + "/base/"})
        async with at_home(path, chosen.model_copy(update={"summaries": to})) as home:
            await home.plug_in(7)
            await home.pay("summaries", 1)
            assert cloud.heard == []
            await home.plug_out(7)
            await home.pay("summaries", 61)
            org_id = home.store.identities().org_id
            assert sorted(cloud.lines()) == [
                f"PUT /base/flex/{home.visits[7].id}",
                f"PUT /base/org/{org_id}/visits/7",
            ]
            partner = next(heard for heard in cloud.heard if "org" in heard.path)
            assert partner.body == {"session": {"id": 1}, "decisions": []}
            assert partner.headers["idempotency-key"]


async def test_a_receiver_that_left_config_yaml_is_told_nothing_and_forgotten(path: Path, tmp_path: Path) -> None:
    hook = Receiver(says(500))
    async with receiving(hook):
        async with at_home(path, settings(hook.url, tmp_path, "webhook")) as home:
            await home.plug_in()
            await home.pay("webhook", 5)
        hook.heard.clear()
        async with at_home(path, settings(hook.url, tmp_path), home.clock) as home:
            await home.cloud.forget_strangers()
            await home.plug_out()
            assert await home.cloud.outbox.backlogs() == {}
        assert hook.heard == []
