"""The wallbox's side of the OCPP line: what the central system asks goes to the firmware, its answer goes back.

Handlers only answer. Whatever follows from an answer (a sample, a transaction) the firmware puts into its outbox, which
the wallbox sends from a task of its own; a call from within a handler would wait for the reader that it blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ocpp.messages import Call
from ocpp.routing import on as ocpp_on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.client import ClientConnection

from drivers.simulated.firmware import Firmware
from drivers.simulated.messages import stamp
from drivers.simulated.profiles import NOMINAL_V, TX, Allowed, read

CALL_TIMEOUT_S = 30.0


_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def on(action: Action) -> Callable[[_Handler], _Handler]:
    """The library's decorator, which has no types."""
    decorator: Callable[[_Handler], _Handler] = ocpp_on(action)
    return decorator


class Line(ChargePoint):  # type: ignore[misc]
    """One open WebSocket."""

    def __init__(self, identity: str, socket: ClientConnection, firmware: Firmware) -> None:
        super().__init__(identity, socket, CALL_TIMEOUT_S)
        self.firmware = firmware
        self.deaf = False
        self.free = asyncio.Event()  # no answer is owed: what follows from a question goes out after its answer
        self.free.set()
        self._mute = False

    async def _get_specific_response(self, unique_id: str, timeout: float) -> Any:  # noqa: ASYNC109
        """The library waits with ``asyncio.wait_for``, which may lose a cancellation in Python 3.11 (bpo-42130)."""
        async with asyncio.timeout(timeout):
            while (response := await self._response_queue.get()).unique_id != unique_id:
                pass
        return response

    async def _handle_call(self, msg: Call) -> Any:
        personality = self.firmware.personality
        self.free.clear()
        if personality.answer_delay_s:
            await asyncio.sleep(personality.answer_delay_s)
        self._mute = msg.action == Action.set_charging_profile and not personality.answers_profiles
        try:
            return await super()._handle_call(msg)
        finally:
            self._mute = False
            self.free.set()

    async def _send(self, message: str) -> None:
        is_answer = not message.startswith("[2")
        if self.deaf or (self._mute and is_answer):
            return
        if self.firmware.personality.bad_json and '"MeterValues"' in message:
            await self._connection.send(message[: len(message) // 2])
        await super()._send(message)

    # -------------------------------------------------------------------------------------------------- transactions

    @on(Action.remote_start_transaction)
    def on_remote_start(
        self, id_tag: str, connector_id: int = 1, charging_profile: Mapping[str, Any] | None = None
    ) -> Any:
        profile = read(charging_profile) if charging_profile else None
        fits = connector_id == 1 and (profile is None or profile.purpose == TX)
        accepted = fits and self.firmware.remote_start(id_tag, profile)
        return call_result.RemoteStartTransaction(status=_accepted(accepted))

    @on(Action.remote_stop_transaction)
    def on_remote_stop(self, transaction_id: int) -> Any:
        return call_result.RemoteStopTransaction(status=_accepted(self.firmware.remote_stop(transaction_id)))

    @on(Action.unlock_connector)
    def on_unlock(self, connector_id: int) -> Any:
        return call_result.UnlockConnector(status="NotSupported")

    # ------------------------------------------------------------------------------------------------------ profiles

    @on(Action.set_charging_profile)
    def on_set_profile(self, connector_id: int, cs_charging_profiles: Mapping[str, Any]) -> Any:
        accepted = self.firmware.set_profile(connector_id, read(cs_charging_profiles))
        return call_result.SetChargingProfile(status=_accepted(accepted))

    @on(Action.clear_charging_profile)
    def on_clear_profile(
        self,
        id: int | None = None,
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> Any:
        cleared = self.firmware.profiles.clear(id, charging_profile_purpose, stack_level)
        return call_result.ClearChargingProfile(status="Accepted" if cleared else "Unknown")

    @on(Action.get_composite_schedule)
    def on_composite(self, connector_id: int, duration: int, charging_rate_unit: str = "A") -> Any:
        firmware, now = self.firmware, self.firmware.now()
        if connector_id > 1:
            return call_result.GetCompositeSchedule(status="Rejected")
        began = firmware.transaction.started_at if firmware.transaction else None
        changes = firmware.profiles.changes(now, now + timedelta(seconds=duration), began)
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=stamp(now, firmware.personality),
            charging_schedule={
                "duration": duration,
                "start_schedule": stamp(now, firmware.personality),
                "charging_rate_unit": charging_rate_unit,
                "charging_schedule_period": [
                    self._period(now, moment, allowed, charging_rate_unit) for moment, allowed in changes
                ],
            },
        )

    def _period(self, now: datetime, moment: datetime, allowed: Allowed, unit: str) -> dict[str, Any]:
        station = self.firmware.station
        phases = allowed.phases or station.phases
        limit_a = station.max_a if allowed.limit_a is None else min(allowed.limit_a, station.max_a)
        limit = limit_a if unit == "A" else limit_a * NOMINAL_V * phases
        start_s = int((moment - now).total_seconds())
        return {"start_period": start_s, "limit": round(limit, 1), "number_phases": phases}

    # ------------------------------------------------------------------------------------------------- configuration

    @on(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        if self.firmware.personality.get_configuration_fails:
            raise RuntimeError("this wallbox cannot read its configuration")
        keys, unknown = self.firmware.configuration.known(key or ())
        self.firmware.configuration_read()
        return call_result.GetConfiguration(
            configuration_key=[{"key": k.name, "readonly": k.readonly, "value": k.value} for k in keys],
            unknown_key=unknown or None,
        )

    @on(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> Any:
        return call_result.ChangeConfiguration(status=self.firmware.configuration.change(key, value))

    @on(Action.change_availability)
    def on_change_availability(self, connector_id: int, type: str) -> Any:
        if connector_id > 1:
            return call_result.ChangeAvailability(status="Rejected")
        return call_result.ChangeAvailability(status=self.firmware.change_availability(type == "Operative"))

    @on(Action.clear_cache)
    def on_clear_cache(self) -> Any:
        return call_result.ClearCache(status="Accepted")

    @on(Action.data_transfer)
    def on_data_transfer(self, vendor_id: str, message_id: str | None = None, data: str | None = None) -> Any:
        return call_result.DataTransfer(status="UnknownVendorId")

    @on(Action.trigger_message)
    def on_trigger(self, requested_message: str, connector_id: int | None = None) -> Any:
        return call_result.TriggerMessage(status=self.firmware.trigger(requested_message, connector_id))

    @on(Action.reset)
    def on_reset(self, type: str) -> Any:
        self.firmware.reboot("HardReset" if type == "Hard" else "SoftReset")
        return call_result.Reset(status="Accepted")


def _accepted(accepted: bool) -> str:
    return "Accepted" if accepted else "Rejected"
