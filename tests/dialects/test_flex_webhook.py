"""What a webhook tells of a flex session, and when there is something to tell (ENODE-96 to ENODE-106).

How it is delivered is tested where it is done: tests/cloud.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hemsd.cloud.webhooks import signature
from hemsd.dialects.flex import StoredFlex
from hemsd.dialects.partner import StoredPartner
from hemsd.dialects.payloads import DialectPayloads
from hemsd.model import Wish
from tests.dialects import stories
from tests.dialects.flex_changes import What, differences
from tests.dialects.home import CheapAt, Played, played, validate
from tests.dialects.stories import MINUTE, at
from web.flex_models import FlexEvent, FlexSession

NOW = datetime(2025, 6, 11, 2, 30, tzinfo=UTC)


def session(document: Any) -> FlexSession:
    return FlexSession.model_validate(document)


def payloads(home: Played) -> DialectPayloads:
    parts = (home.store, home.clock, home.visits, home.courses)
    return DialectPayloads(StoredFlex(*parts), StoredPartner(*parts))


def test_enode_96_the_event_has_its_name() -> None:
    told = FlexEvent(
        user_id="8fa2dcad-aaa2-4fc5-b27f-8a34f02b6b67", created_at=NOW, session=session(stories.a_night()["settled"])
    )
    assert json.loads(told.model_dump_json())["event"] == "flex:session:updated"


@pytest.mark.parametrize(
    ("story", "before", "after", "what"),
    [
        (stories.a_night, "upcoming", "plugged in", What.STATE),
        (stories.a_night, "reached", "settled", What.STATE),
        (stories.a_night, "plugged in", "reached", What.STATISTICS),
        (stories.a_boosted_night, "before", "boosted", What.BLOCKS),
        (stories.a_boosted_night, "before", "boosted", What.TARGET),
        (stories.a_boosted_night, "before", "boosted", What.OUTCOME),
        (stories.a_refused_start, "failed", "mended", What.ERROR),
        (stories.before_the_car_comes, "policy", "override", What.TARGET),
    ],
)
def test_enode_97_each_kind_of_change_is_told(story: stories.Story, before: str, after: str, what: What) -> None:
    assert what in differences(session(story()[before]), session(story()[after]))


def test_enode_98_nothing_is_told_when_nothing_changed() -> None:
    night = stories.a_night()
    assert differences(session(night["settled"]), session(night["later"])) == frozenset()
    assert differences(session(night["charging"]), session(night["charging on"])) == frozenset()  # five minutes on
    assert differences(None, session(night["upcoming"])) == frozenset(What)


async def test_enode_99_the_event_holds_what_a_get_would_answer(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=CheapAt()) as home:
        for subject in ("policy:home",):
            assert await payloads(home).flex_session(subject) == await home.flex()
        home.plug(42.0)
        home.play(MINUTE * 3)
        visit_id = home.visits.visit_id("garage")
        assert visit_id is not None
        assert await payloads(home).flex_session(visit_id) == await home.flex()
        detail = await home.get(f"{home.hems_path}/current")
        assert await payloads(home).partner_session(visit_id) == detail["session"]
        home.unplug()
        (settled,) = await home.settled()
        assert await payloads(home).flex_session(visit_id) == settled
        assert (await payloads(home).ev_session(visit_id)) is not None
        told = FlexEvent(user_id=await payloads(home).user_id(), created_at=NOW, session=session(settled))
        document = json.loads(told.model_dump_json())
        validate("enode_webhook", document)
        assert set(document) == {"event", "userId", "createdAt", "session"}
        assert document["session"] == settled


async def test_enode_97_a_target_before_the_car_comes_is_announced_by_its_policy(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        await home.flex()
        heard: list[str] = []
        home.courses.changed = heard.append
        home.control.wish(Wish("garage", boost=True, boost_target_pct=70.0))
        home.tick()
        assert heard == ["policy:home"]
        home.tick()
        assert heard == ["policy:home"]


async def test_an_unmanaged_visit_is_told_once_it_is_over(tmp_path: Path) -> None:
    async with played(tmp_path, wallboxes=stories.GUEST_WALLBOXES, start_at=at("10:00")) as home:
        home.plug(30.0, wallbox="street")
        home.play(MINUTE)
        visit_id = home.visits.visit_id("street")
        assert visit_id is not None
        assert await payloads(home).flex_session(visit_id) is None
        home.unplug("street")
        await home.store.settle()
        told = await payloads(home).flex_session(visit_id)
        assert told is not None
        assert told["policyId"] is None
        assert await payloads(home).flex_session("nobody") is None


def test_enode_102_the_signature_is_that_of_the_known_vector() -> None:
    expected = "sha1=e417e6fc2e7f8a78c93a35a7b344d36ce179fc8d"
    assert signature("example-secret", b'{"payload":"example"}') == expected
