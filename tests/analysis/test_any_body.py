"""Whatever is sent, the API says what is wrong with it; it never breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analysis.values import at

ANNA = {"Authorization": "Bearer anna", "Content-Type": "application/json"}
texts = st.text(max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.just(1e400))
json_like = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
moments = st.one_of(
    st.integers(0, 600).map(at), st.just("0001-01-01T00:00:00+14:00"), st.just("9999-12-31T23:59:59-14:00"), texts
)
values = st.fixed_dictionaries(
    {"timestamp": moments, "value": st.one_of(st.floats(), st.integers(), scalars)},
    optional={"measurand": scalars, "unit": st.sampled_from(["kWh", "Wh", "A", "?", "", None]), "phase": scalars},
)
sessions = st.fixed_dictionaries(
    {"session_id": st.one_of(texts, scalars), "charging_station_id": st.one_of(st.just("CP"), scalars)},
    optional={"connector_id": scalars, "metadata": json_like, "meter_values": st.lists(values, max_size=6)},
)
bodies = st.one_of(json_like, sessions, st.fixed_dictionaries({"sessions": st.lists(sessions, max_size=3)}))
calls = st.sampled_from(
    [
        ("POST", "/v1/sessions"), ("PUT", "/v1/sessions/s"), ("PATCH", "/v1/sessions/s"),
        ("POST", "/v1/sessions/batch"), ("POST", "/v1/sessions/s/ask"), ("POST", "/v1/sessions/s/explain"),
        ("POST", "/v1/models/fine-tune"), ("GET", "/v1/sessions/%ED%A0%80"), ("GET", "/v1/stations/%00"),
        ("GET", "/v1/sessions?date_from=%ff&min_score=nan&evse_id=%ED%A0%80"), ("GET", "/v1/sessions/batch/%FF"),
    ]
)  # fmt: skip


@pytest.mark.slow
async def test_csar_04_no_body_breaks_the_api(http: TestClient) -> None:
    loop = asyncio.get_running_loop()

    async def send(method: str, path: str, data: bytes) -> tuple[int, str]:
        response = await http.request(method, path, data=data, headers=ANNA)
        return response.status, await response.text()

    def call(method: str, path: str, data: bytes) -> None:
        status, text = asyncio.run_coroutine_threadsafe(send(method, path, data), loop).result(20)
        assert status < 500, (method, path, data, text)
        json.loads(text)

    @settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
    @given(calls, st.one_of(bodies.map(lambda body: json.dumps(body).encode()), st.binary(max_size=20)))
    def whatever(where: tuple[str, str], data: bytes) -> None:
        call(*where, data)

    await send("POST", "/v1/sessions", b'{"session_id": "s", "charging_station_id": "CP"}')
    await asyncio.to_thread(_run, whatever)


def _run(test: Any) -> None:
    test()
