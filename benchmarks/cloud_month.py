"""A home that nobody can hear for a month: everybody is told everything afterwards, in order, within the budget.

It charges twice a day, three hours each, and tells an analysis, a receiver of summaries, a webhook and a fleet. What
waits is a row for each thing that is owed, so neither the memory nor the outbox grows with what happens; decisions of
long ago are thinned when they are told, summaries never.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from benchmarks.cloud_home import DAY_S, Broker, Home, Receiver, Sink, folder, resident_mb
from hemsd.cloud.telemetry import TELEMETRY
from hemsd.store.outbox import Nobody

KINDS = 3  # of summaries over HTTP
BUDGET_BYTES_S = 64_000.0


@dataclass(frozen=True, slots=True)
class Month:
    days: int
    visits: int
    values: int
    owed: int
    outbox_kb: float
    database_mb: float
    tries: int
    silent_s: float
    drained_s: float
    requests: int
    kb_s: float
    decisions: int
    decisions_told: int
    summaries_told: int
    memory_mb: tuple[float, ...]

    @property
    def lines(self) -> list[str]:
        fifth, last, after = (self.memory_mb[day] for day in (min(4, self.days - 1), self.days - 1, -1))
        return [
            f"| visits while offline | {self.visits}, {self.values} register values, {self.decisions} decisions |",
            f"| owed in the end | {self.owed} rows, {self.outbox_kb:.0f} kB; the database {self.database_mb:.1f} MB |",
            f"| tries during the outage, of three lanes | {self.tries}, {self.tries / self.days / 24:.1f} an hour |",
            f"| from its end until the first try | {self.silent_s:.0f} s |",
            f"| from then until everything was told | {self.drained_s:.0f} s, {self.requests} requests |",
            f"| of the line meanwhile | {self.kb_s:.1f} kB/s; 64 kB/s are allowed each lane |",
            f"| summaries told, over HTTP and to the fleet | {self.summaries_told}, each once |",
            f"| decisions told to the fleet | {self.decisions_told}; older holds are thinned |",
            "| lost, out of order, or told twice | 0 |",
            f"| memory on day 5, at the end, after catching up | {fifth:.0f}, {last:.0f}, {after:.0f} MB |",
        ]


async def month_offline(days: int) -> Month:
    """Asserts what must be true of it."""
    receiver, sink, broker = Receiver(online=False), Sink(online=False), Broker()
    with folder() as place:
        home = await Home.make(place, receiver, sink)
        memory = []
        for _ in range(days):
            for _ in range(2):
                await home.visit(minutes=180, every_s=60)
                await home.wait(DAY_S / 2 - 180 * 60)
            memory.append(resident_mb())
        owed, outbox_kb = await _outbox(home)
        decisions = (await home.store.views.ask(lambda db: db.execute("SELECT count(*) FROM decisions").fetchone()))[0]
        tries = receiver.attempts + sink.attempts
        receiver.online = sink.online = True
        silent_s = await _until_the_first_try(home, receiver, sink)
        drained_s = await home.drain()
        await _tell_the_fleet(home, broker)
        memory.append(resident_mb())
        left, _ = await _outbox(home)
        await home.store.close()
        database_mb = (place / "home.db").stat().st_size / 1e6
    visits = home.number
    everybody = [str(UUID(int=number)) for number in range(1, visits + 1)]
    summaries = [line for line in sink.taken if line.startswith("PUT")]
    fleets = Counter(topic.partition("/")[0] for topic, _ in broker.heard)
    sent_bytes = receiver.body_bytes / 12 + sink.body_bytes / 3 + 400 * receiver.requests
    assert left == 0
    assert receiver.order == everybody
    assert receiver.twice == 0
    assert all(moments == sorted(moments) for moments in receiver.sessions.values())
    assert sum(len(moments) for moments in receiver.sessions.values()) == visits * (180 + 2)
    assert Counter(summaries) == Counter(set(summaries))
    assert len(summaries) == KINDS * visits
    assert fleets["summaries"] == fleets["visits"] == visits
    assert owed <= visits * 8 + 4, "a row for each thing that is owed, not for each thing that happened"
    assert sent_bytes / drained_s <= BUDGET_BYTES_S * len(home.lanes)
    told = [one for topic, body in broker.heard if topic.startswith("decisions/") for one in body["decisions"]]
    ids = [one["id"] for one in told]
    assert ids == sorted(set(ids))
    assert [one["kind"] for one in told].count("start") == visits
    return Month(
        days=days,
        visits=visits,
        values=visits * (180 + 2),
        owed=owed,
        outbox_kb=outbox_kb,
        database_mb=database_mb,
        tries=tries,
        silent_s=silent_s,
        drained_s=drained_s,
        requests=receiver.requests + len(sink.taken),
        kb_s=sent_bytes / drained_s / 1000,
        decisions=decisions,
        decisions_told=len(told),
        summaries_told=len(summaries) + fleets["summaries"],
        memory_mb=tuple(memory),
    )


async def _until_the_first_try(home: Home, receiver: Receiver, sink: Sink) -> float:
    began_s = home.clock.monotonic()
    while not receiver.requests and not sink.taken:
        home.clock.leap(await home.step())
    return home.clock.monotonic() - began_s


async def _outbox(home: Home) -> tuple[int, float]:
    """Rows that are owed, and what all rows hold in kB."""
    await home.store.settle()
    sql = (
        "SELECT count(*) FILTER (WHERE told > done), coalesce(sum(60 + length(lane) + length(kind) + length(subject)"
        " + ifnull(length(body), 0) + ifnull(length(plan), 0) + ifnull(length(progress), 0)), 0) FROM outbox"
    )
    rows, size = await home.store.views.ask(lambda db: tuple(db.execute(sql).fetchone()))
    return rows, size / 1000


async def _tell_the_fleet(home: Home, broker: Broker) -> None:
    fleet = home.cloud.fleet
    assert fleet is not None
    home.clock.leap(120)
    await home.store.settle()
    while await fleet.pay_one(broker):  # type: ignore[arg-type]
        pass
    assert (await home.cloud.outbox.backlogs()).get(TELEMETRY) is None


async def card(days: int = 2) -> list[str]:
    """What the lanes ask of the memory card on an ordinary day, beside what the store writes anyway."""
    written = []
    for tell in (True, False):
        with folder() as place:
            home = await Home.make(place, Receiver(), Sink())
            if not tell:
                home.store.announcer = Nobody()
            for _ in range(days):
                await home.visit(minutes=240, every_s=60, tell=tell)
                await home.wait(DAY_S - 240 * 60, tell=tell)
            await home.store.settle()
            written.append(home.store.bytes_written / days / 1000)
            await home.store.close()
    return [f"| written to the card for it on an ordinary day (4 h of charging) | {written[0] - written[1]:.0f} kB |"]
