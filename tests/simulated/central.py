"""A tiny central system on a real socket: it agrees to everything and remembers what it heard."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

logging.getLogger("ocpp").setLevel(logging.CRITICAL)


class Peer(ChargePoint):
    """One link of a wallbox."""

    def __init__(self, central, socket):
        super().__init__(socket.request.path.rsplit("/", 1)[-1], socket, response_timeout=5)
        self.central = central
        self.socket = socket

    async def route_message(self, raw_msg):
        self.central.raw.append(raw_msg)
        await super().route_message(raw_msg)

    @on(Action.boot_notification, skip_schema_validation=True)
    def on_boot(self, **told):
        self.central.heard.append(("BootNotification", told))
        return call_result.BootNotification(
            current_time=self.central.now(), interval=300, status=self.central.boot_status
        )

    @on(Action.heartbeat)
    def on_heartbeat(self):
        self.central.heard.append(("Heartbeat", {}))
        return call_result.Heartbeat(current_time=self.central.now())

    @on(Action.status_notification)
    def on_status(self, **told):
        self.central.heard.append(("StatusNotification", told))
        return call_result.StatusNotification()

    @on(Action.start_transaction, skip_schema_validation=True)
    def on_start(self, **told):
        self.central.heard.append(("StartTransaction", told))
        self.central.transaction_id += 1
        return call_result.StartTransaction(self.central.transaction_id, {"status": self.central.id_tag_status})

    @on(Action.stop_transaction, skip_schema_validation=True)
    def on_stop(self, **told):
        self.central.heard.append(("StopTransaction", told))
        return call_result.StopTransaction()

    @on(Action.meter_values, skip_schema_validation=True)
    def on_meter_values(self, **told):
        self.central.heard.append(("MeterValues", told))
        return call_result.MeterValues()


class Central:
    def __init__(self, clock):
        self.clock = clock
        self.heard = []
        self.raw = []
        self.peers = []
        self.headers = []
        self.transaction_id = 16
        self.id_tag_status = "Accepted"
        self.boot_status = "Accepted"
        self.url = ""
        self._server = None

    def now(self):
        return self.clock.utc().isoformat()

    @asynccontextmanager
    async def open(self, port=0):
        async with serve(self._meet, "127.0.0.1", port, subprotocols=["ocpp1.6"]) as self._server:
            self.port = self._server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{self.port}"
            yield self

    async def _meet(self, socket):
        self.headers.append(socket.request.headers)
        peer = Peer(self, socket)
        self.peers.append(peer)
        with suppress(ConnectionClosed):
            await peer.start()

    async def ask(self, request, **more):
        """A call over the newest link; a CALLERROR raises."""
        return await self.peers[-1].call(request, suppress=False, **more)

    async def limit(self, *limits_a, phases=None, after_s=900, purpose="TxDefaultProfile", **more):
        """SetChargingProfile, Absolute; each further limit holds ``after_s`` later."""
        periods = [
            {"startPeriod": n * after_s + 60 if n else 0, "limit": limit_a}
            | ({"numberPhases": phases} if phases else {})
            for n, limit_a in enumerate(limits_a)
        ]
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "startSchedule": (self.clock.utc() - timedelta(seconds=60)).isoformat(),
                "chargingSchedulePeriod": periods,
            },
        } | more
        return (await self.ask(call.SetChargingProfile(1, profile))).status

    def told(self, action, **criteria):
        """What was heard of an action, oldest first."""
        return [m for name, m in self.heard if name == action and criteria.items() <= m.items()]


async def until(condition, seconds=3.0):
    """Polls until the condition holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (what is waited for lives in another's object)
            await asyncio.sleep(0.005)
