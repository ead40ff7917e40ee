"""What the wallbox's controller decides, without its socket: status, transactions, profiles, samples and its answers.

The theory. A wallbox is a car's door to the grid. Its status follows from three facts: is a car plugged in, does a
transaction run, does current flow; so the status is worked out, never remembered. What it wants to tell waits in the
outbox, in order; without a link, StartTransaction and StopTransaction stay there and the rest is dropped (OCPP 1.6
section 3.7). The limit is worked out anew every second from the profiles and the wallbox's own clock, which is what
makes a schedule with a second period fall back by itself when nobody refreshes it.

Every deviation from that is a field of the ``Personality``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.simulated.acceptance import acceptable
from drivers.simulated.car import Car
from drivers.simulated.configuration import Configuration
from drivers.simulated.messages import (
    Beat,
    Boot,
    Message,
    Sampled,
    Start,
    Status,
    Stop,
    Transaction,
    measured,
)
from drivers.simulated.personalities import Personality, Sampling, Zero
from drivers.simulated.profiles import TX, TX_DEFAULT, Profile, ProfileStore
from drivers.simulated.station import Station
from hemsd.clock import Clock
from hemsd.model import MIN_PILOT_A, ConnectorStatus

FREE_VEND_S = 3.0  # from the plug to a transaction that nobody asked for
REBOOT_S = 10.0
LOCKOUT_S = 1.0
CLOCK_TOLERANCE = timedelta(seconds=1)  # answers take a while, so a smaller difference says nothing
FREE_TAG = "FREE"
MANY_MEASURANDS = 6
BACKLOG_LENGTH = 500
SUSPENDED = (ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A RemoteStartTransaction that waits for a car."""

    id_tag: str
    profile: Profile | None
    until_s: float


class Firmware:
    """One wallbox with one connector. ``on_message`` is called when the outbox has something new."""

    def __init__(self, station: Station, clock: Clock, personality: Personality, *, free_vend: bool = True) -> None:
        self.station = station
        self.clock = clock
        self.personality = personality
        self.free_vend = free_vend
        self.configuration = Configuration(personality, station.phase_choice)
        self.profiles = ProfileStore(personality.watts_by_three)
        self.on_message: Callable[[], None] = lambda: None
        self.transaction: Transaction | None = None
        self.online = False
        self.booted = not personality.boots  # the central system accepted the BootNotification
        self.reboot_wanted = False
        self.operative = True
        self.told_status: ConnectorStatus | None = None
        self.stale_id: int | None = None
        self.outbox: deque[Message] = deque()
        self._asked: _Asked | None = None
        self._finished = False  # a transaction ended and the car is still there
        self._keeps_quiet = False  # the status changed and nobody is to know
        self._plugged_s: float | None = None
        self._started_s = 0.0
        self._sampled_s = 0.0
        self._beat_s = clock.monotonic()
        self._limit_a: float | None = None
        self._runaway = False
        self._next_defaults: list[Profile] = []
        self._told_once = False
        self._clock_offset = timedelta()

    def now(self) -> datetime:
        """The wallbox's own clock."""
        return self.clock.utc() + self._clock_offset

    def set_clock(self, current_time: datetime) -> None:
        """BootNotification and Heartbeat bring the central system's time (sections 4.2 and 4.6)."""
        off = current_time - self.now()
        if abs(off) > CLOCK_TOLERANCE:
            self._clock_offset += off

    # ---------------------------------------------------------------------------------------------------- the world

    def plug(self, car: Car) -> None:
        self.station.plug(car)
        self._plugged_s = self.clock.monotonic()

    def unplug(self) -> Car | None:
        if self.transaction:
            self.end("EVDisconnected")
        self._finished = self._keeps_quiet = False
        self._plugged_s = None
        return self.station.unplug()

    def tick(self) -> None:
        """One turn of the controller; the physics have just moved."""
        now_s, now = self.clock.monotonic(), self.now()
        self._begin_if_due(now_s)
        self._limit(now_s, now)
        self._tell_status(now)
        self._sample_if_due(now_s, now)
        if self.online and self.booted and now_s - self._beat_s >= self.configuration.heartbeat_s > 0:
            self._beat_s = now_s
            self._put(Beat())

    @property
    def status(self) -> ConnectorStatus:
        if self.transaction is None:
            if not self.operative:
                return ConnectorStatus.UNAVAILABLE
            if self.station.car is None:
                return ConnectorStatus.AVAILABLE
            return ConnectorStatus.FINISHING if self._finished else ConnectorStatus.PREPARING
        if self.station.currents_a[0] > 0:
            return ConnectorStatus.CHARGING
        return ConnectorStatus.SUSPENDED_EV if self.station.offered_a else ConnectorStatus.SUSPENDED_EVSE

    # ------------------------------------------------------------------------------------------------- transactions

    def begin(self, id_tag: str, profile: Profile | None = None) -> None:
        self.transaction = Transaction(id_tag, self.now(), self.station.energy_wh)
        self._started_s = self._sampled_s = self.clock.monotonic()
        self._finished = self._keeps_quiet = False
        for default in self._next_defaults:
            self.profiles.put(default)
        self._next_defaults = []
        if profile:
            self.profiles.put(profile)
        self.station.enabled = True
        if self.station.car:
            self.station.car.wake()
        self._put(Start(self.transaction))

    def end(self, reason: str) -> None:
        transaction = self.transaction
        assert transaction is not None
        self.transaction = None
        self.station.enabled = False
        self._finished = True
        self.profiles.clear(purpose=TX)
        self.stale_id = transaction.id
        self._put(Stop(transaction, self.now(), self.station.energy_wh, reason))

    def start_answered(self, transaction: Transaction, transaction_id: int, accepted: bool) -> None:
        transaction.id = transaction_id
        if not accepted and self.transaction is transaction:
            self.end("DeAuthorized")

    def _begin_if_due(self, now_s: float) -> None:
        if self.transaction or self.station.car is None or not self.operative:
            return
        if self._asked:
            asked, self._asked = self._asked, None
            if now_s <= asked.until_s:
                self.begin(asked.id_tag, asked.profile)
        elif self._vends_freely(now_s):
            self.begin(FREE_TAG)

    def _vends_freely(self, now_s: float) -> bool:
        if not self.free_vend or self._finished or self._plugged_s is None:
            return False
        return now_s - self._plugged_s >= FREE_VEND_S

    # ------------------------------------------------------------------------------------------------------- limits

    def _limit(self, now_s: float, now: datetime) -> None:
        transaction = self.transaction
        allowed = self.profiles.allowed(now, transaction.started_at if transaction else None)
        most_a = self.station.max_a
        self.station.promised_a = most_a if allowed.limit_a is None else allowed.limit_a
        limit_a = most_a if allowed.limit_a is None or not self.personality.obeys else allowed.limit_a
        if self.personality.cap_a is not None:
            limit_a = min(limit_a, self.personality.cap_a)
        if self._limit_a is not None and self._limit_a < MIN_PILOT_A <= limit_a:
            self._runaway = self.personality.full_current_after_pause
        self._limit_a = limit_a
        obeys_phases = self.personality.obeys and self.personality.switches_phases
        self.station.tell(most_a if self._runaway else limit_a, allowed.phases if obeys_phases else None)
        if transaction and limit_a < MIN_PILOT_A:
            self._zero(now_s)

    def _zero(self, now_s: float) -> None:
        match self.personality.zero:
            case Zero.ENDS_FINISHING:
                self.end("Other")
            case Zero.ENDS_SILENTLY:
                self.end("Other")
                self._finished, self._keeps_quiet = False, True
                self._plugged_s = None  # and it does not begin again by itself
            case Zero.LOCKS_OUT if now_s - self._started_s >= LOCKOUT_S:
                self.end("Other")
            case _:
                pass

    # ------------------------------------------------------------------------------------------------- what it tells

    def _tell_status(self, now: datetime) -> None:
        status = self.status
        if status == self.told_status or not (self.online and self.booted) or self._keeps_quiet:
            return
        if not self._told_once:
            self._told_once = True
            self._put(Status(0, ConnectorStatus.AVAILABLE, now))
        self.told_status = status
        self._put(Status(1, status, now))

    def _sample_if_due(self, now_s: float, now: datetime) -> None:
        interval_s = self.configuration.sample_interval_s
        if not self.transaction or not interval_s or self.personality.sampling is not Sampling.PERIODIC:
            return
        if now_s - self._sampled_s >= interval_s:
            # The grid of samples stays where it is, as long as it is not hopelessly late.
            self._sampled_s = max(self._sampled_s + interval_s, now_s - interval_s)
            self.sample("Sample.Periodic", now)

    def sample(self, context: str, now: datetime) -> None:
        values = measured(self.station, self.configuration.sampled, context, self.personality)
        self._put(Sampled(now, context, values, self.transaction))

    def _put(self, message: Message) -> None:
        if self.online or self._outlives_the_link(message):
            self.outbox.append(message)
            self.on_message()

    def _outlives_the_link(self, message: Message) -> bool:
        if isinstance(message, Sampled):
            return self.personality.backlog and len(self.outbox) < BACKLOG_LENGTH
        return isinstance(message, Start | Stop)

    # ------------------------------------------------------------------------------------------------------ the link

    def link_up(self) -> None:
        self.online = True
        self.outbox.appendleft(Beat() if self.booted else Boot())
        if self.booted and self.personality.restates_start and self.transaction:
            self.outbox.append(Start(self.transaction))
        self._tell_status(self.now())
        self.on_message()

    def link_down(self) -> None:
        self.online = False
        self.outbox = deque(message for message in self.outbox if self._outlives_the_link(message))

    def boot_answered(self, accepted: bool, interval_s: float) -> None:
        self.booted = accepted
        if interval_s > 0:
            self.configuration.change("HeartbeatInterval", str(int(interval_s)))
        self._beat_s = self.clock.monotonic()
        self._tell_status(self.now())

    def power_on(self) -> None:
        """After a reboot: what was in memory only is forgotten."""
        self.reboot_wanted = self._told_once = False
        self.booted = not self.personality.boots
        self.told_status = None
        self._finished = False
        self._plugged_s = self.clock.monotonic() if self.station.car else None
        if self.personality.reboots_on_many_measurands:
            self.configuration.reset()

    # ------------------------------------------------------------------------------------------- what it is asked for

    def remote_start(self, id_tag: str, profile: Profile | None) -> bool:
        restart = not self._finished or self.personality.restarts_from_finishing
        if self.transaction or self._asked or not self.operative or not restart:
            return False
        self._asked = _Asked(id_tag, profile, self.clock.monotonic() + self.configuration.connection_timeout_s)
        return True

    def remote_stop(self, transaction_id: int) -> bool:
        if self.transaction is None or self.transaction.id != transaction_id:
            return False
        self.end("Remote")
        return True

    def set_profile(self, connector_id: int, profile: Profile) -> bool:
        """Whether it is accepted; what then becomes of it is the personality's business."""
        running_id = self.transaction.id if self.transaction else None
        if not acceptable(profile, connector_id, running_id, self.profiles, self.personality):
            return False
        self._runaway = False
        dropped = self.personality.drops_tx_profile_while_suspended and self.status in SUSPENDED
        if profile.kind in self.personality.deaf_to_kinds or (profile.purpose == TX and dropped):
            return True
        if profile.purpose == TX_DEFAULT and self.personality.tx_default_for_next_tx_only and self.transaction:
            self._next_defaults.append(profile)
        else:
            self.profiles.put(profile)
        return True

    def configuration_read(self) -> None:
        if self.personality.reboots_on_many_measurands and len(self.configuration.sampled) >= MANY_MEASURANDS:
            self.reboot("PowerLoss")

    def trigger(self, message: str, connector_id: int | None) -> str:
        """The status of a TriggerMessage; what it asks for follows."""
        now = self.now()
        if connector_id is not None and connector_id > 1:
            return "Rejected"
        match message:
            case "BootNotification":
                self._put(Boot())
            case "Heartbeat":
                self._put(Beat())
            case "StatusNotification":
                if connector_id != 1:
                    self._put(Status(0, ConnectorStatus.AVAILABLE, now))
                if connector_id != 0:
                    self.told_status = self.status
                    self._put(Status(1, self.status, now))
            case "MeterValues" if self.personality.sampling is not Sampling.NEVER:
                self.sample("Trigger", now)
            case _:
                return "NotImplemented"
        return "Accepted"

    def change_availability(self, operative: bool) -> str:
        self.operative = operative
        return "Scheduled" if self.transaction and not operative else "Accepted"

    def reboot(self, reason: str) -> None:
        """The link closes itself when it sees ``reboot_wanted`` and comes back after REBOOT_S."""
        if self.transaction:
            self.end(reason)
        self.reboot_wanted = True
        self.on_message()
