"""Frames: whatever comes in, and what goes out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp.messages import Call, CallError, CallResult
from ocpp.v16.call import SetChargingProfile
from ocpp.v16.datatypes import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod

from drivers.ocpp16.wire import BadFrame, action_of, decode, payload_of

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "Heartbeat"])
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=6), max_leaves=10)


@given(st.binary(max_size=64) | anything.map(json.dumps))
def test_no_frame_raises(raw):
    assert isinstance(decode(raw), Call | CallResult | CallError | BadFrame)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ('[2,"1","Heartbeat",{}]', Call),
        ('[2,"1","Heartbeat"]', Call),
        ('[2,"1","Heartbeat",null]', Call),
        ('[2,"1","Heartbeat",[]]', Call),
        ('[3,"1",{}]', CallResult),
        ('[3,"1"]', CallResult),
        ('[4,"1","GenericError","",{}]', CallError),
        ('[4,"1"]', CallError),
        ('[4,"1",{}]', CallError),
        ('[2,"1"]', BadFrame),
        ('[2,1,"Heartbeat",{}]', BadFrame),
        ('["2","1","Heartbeat",{}]', BadFrame),
        ("[5]", BadFrame),
        ('{"2":1}', BadFrame),
        ('"text"', BadFrame),
    ],
)
def test_what_a_frame_is(raw, kind):
    assert isinstance(decode(raw), kind)


def test_a_short_callerror_has_a_code_and_no_details():
    error = decode('[4,"1","NotSupported"]')
    assert (error.error_code, error.error_description) == ("NotSupported", "")


def test_what_is_quoted_of_a_bad_frame_is_bounded():
    assert len(decode("x" * 100_000).why) < 300


def test_requests_are_spelled_as_ocpp_spells_them_and_leave_out_what_is_not_said():
    schedule = ChargingSchedule("A", [ChargingSchedulePeriod(0, 9.0)])
    request = SetChargingProfile(1, ChargingProfile(1, 0, "TxProfile", "Relative", schedule, transaction_id=17))
    assert action_of(request) == "SetChargingProfile"
    assert payload_of(request) == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "transactionId": 17,
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.0}],
            },
        },
    }
