"""A wallbox without sockets: the firmware on a clock that stands still, and a central system that agrees to all."""

from datetime import timedelta

from drivers.simulated.car import Car
from drivers.simulated.firmware import Firmware
from drivers.simulated.messages import Boot, Message, Sampled, Start, Status, Stop
from drivers.simulated.personalities import compose
from drivers.simulated.profiles import TX, TX_DEFAULT, Period, Profile
from drivers.simulated.station import Station
from hemsd.clock import ManualClock
from hemsd.model import ConnectorStatus


class Box:
    def __init__(self, *personality: str, phases: str = "auto", max_a: float = 16.0, free_vend: bool = True) -> None:
        self.clock = ManualClock()
        quirks = compose(personality)
        self.station = Station(phases, max_a, rounding=quirks.rounding, switch_pause_s=quirks.switch_pause_s)
        self.firmware = Firmware(self.station, self.clock, quirks, free_vend=free_vend)
        self.heard: list[Message] = []
        self.next_id = 17
        self.firmware.link_up()

    @classmethod
    def charging(cls, *personality: str, limit_a: float = 10.0, **more) -> "Box":
        """A box that has been charging for a minute, at a limit of the TxDefaultProfile."""
        box = cls(*personality, **more)
        box.firmware.plug(Car())
        box.live(5)
        assert box.limit(limit_a)
        box.live(60)
        return box

    def live(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.leap(1)
            self.station.advance(1)
            self.firmware.tick()
            self.listen()

    def listen(self) -> None:
        while self.firmware.online and self.firmware.outbox:
            message = self.firmware.outbox.popleft()
            self.heard.append(message)
            match message:
                case Boot():
                    self.firmware.boot_answered(True, 300)
                case Start(transaction):
                    self.firmware.start_answered(transaction, self.next_id, True)
                    self.next_id += 1

    def limit(
        self,
        *limits_a: float,
        phases: int | None = None,
        after_s: float = 900,
        purpose: str = TX_DEFAULT,
        kind: str = "Absolute",
        level: int = 0,
        unit: str = "A",
        transaction_id: int | None = None,
    ) -> bool:
        """SetChargingProfile; each further limit holds ``after_s`` later."""
        periods = tuple(Period(n * after_s, limit_a, phases) for n, limit_a in enumerate(limits_a))
        starts_at = self.clock.utc() - timedelta(milliseconds=1) if kind == "Absolute" else None
        profile = Profile(
            1 if purpose == TX_DEFAULT else 2,
            level,
            purpose,
            kind,
            unit,
            periods,
            starts_at,
            transaction_id=transaction_id,
        )
        return self.firmware.set_profile(1 if purpose in (TX, TX_DEFAULT) else 0, profile)

    @property
    def current_a(self) -> float:
        return self.station.currents_a[0]

    @property
    def phases_used(self) -> int:
        return sum(1 for current_a in self.station.currents_a if current_a > 1)

    def statuses(self) -> list[ConnectorStatus]:
        return [m.status for m in self.heard if isinstance(m, Status) and m.connector_id == 1]

    def samples(self) -> list[Sampled]:
        return [m for m in self.heard if isinstance(m, Sampled)]

    def stops(self) -> list[Stop]:
        return [m for m in self.heard if isinstance(m, Stop)]

    def starts(self) -> list[Start]:
        return [m for m in self.heard if isinstance(m, Start)]
