"""The one thread that writes.

The control loop hands over changes and never waits. They are written in the order in which they came, all that wait
at once and in one transaction, so whatever happens the database holds a beginning of the story and never a story with
holes. What decides is only *when*:

- an urgent change is written at once, and everything before it with it;
- otherwise the group is written before its oldest change is 60 s old, by the Clock and by real time, whichever is
  first. A memory card wears with each page written, and a page costs the same for one row as for ten.

What survives what. In WAL mode a commit with ``synchronous=NORMAL`` is handed to the operating system and no more: it
survives ``kill -9`` but a power cut may take it back. ``synchronous=FULL`` forces the log to the card after the commit.
So a batch with an urgent change is committed with FULL, and since the log is one sequential file, forcing it also
forces every group before it. A power cut costs at most the groups since the last urgent change that the system had
not written back by itself. An explicit checkpoint would be no safer and would write each page twice.

When the card is full, read-only or locked by somebody, the batch stays in memory and is tried again, in growing pauses;
``trouble`` says why. Memory is bounded too: beyond ``MOST_WAITING`` changes the oldest reading is forgotten first.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace

from sqlite_utils import Database

from hemsd.clock import Clock, SystemClock
from hemsd.said import said
from hemsd.store import changes
from hemsd.store.changes import Change, Key
from hemsd.store.rows import StoreError
from hemsd.store.wal import WalCount

log = logging.getLogger(__name__)

GROUP_S = 55.0  # a tick is at most 5 s by default: 60 s are kept even where the thread looks late
LOOK_S = 0.5  # how often the thread looks at the clock while something waits: no clock can tell how fast it runs
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
MOST_WAITING = 20_000
TALLY_EVERY_S = 3600.0

# What a bug of ours looks like, as opposed to a card that fails: trying it again would only block what comes after.
UNWRITABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)

Batch = dict[Key, Change]


class Writer:
    """Owns the only connection that writes. ``put`` and ``settle`` may be called from any thread."""

    def __init__(self, db: Database, clock: Clock, count: WalCount) -> None:
        self._db = db
        self._clock = clock
        self._real = SystemClock()
        self._count = count
        self._wake = threading.Condition()
        self._waiting: Batch = {}
        self._serial = itertools.count()
        self._oldest_s = self._oldest_real_s = 0.0
        self._hurry = False
        self._writing = False
        self._closing = False
        self._settlers: list[Future[None]] = []
        self._pause_s = 0.0
        self._retry_real_s = 0.0
        self._untallied = [0, 0]
        self._elsewhere = 0
        self._tallied_s = clock.monotonic()
        self.trouble: str | None = None
        self.forgotten = 0  # changes that memory had no room for
        self.bytes_written = 0
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="hemsd-store", daemon=True)
        self._thread.start()

    # -- for everybody ------------------------------------------------------------------------------------------------

    def put(self, change: Change) -> None:
        """Takes a change and returns at once."""
        with self._wake:
            self._must_live()
            if not self._waiting:
                self._oldest_s, self._oldest_real_s = self._clock.monotonic(), self._real.monotonic()
                self._wake.notify()  # from here on it looks at the clock
            key = change.key or ("", next(self._serial))
            self._waiting[key] = _merged(change, self._waiting.get(key))
            if len(self._waiting) > MOST_WAITING:
                self._forget_one()
            self._hurry = self._hurry or change.urgent
            if self._due():
                self._wake.notify()

    def settle(self) -> Future[None]:
        """Done when everything that was put before is committed."""
        done: Future[None] = Future()
        with self._wake:
            self._must_live()
            self._settlers.append(done)
            self._hurry = True
            self._wake.notify()
        return done

    def _must_live(self) -> None:
        """A thread that died of a bug ends the daemon here, which then starts anew."""
        if not self._thread.is_alive():
            raise StoreError("The thread that writes the database has ended")

    def also_wrote(self, bytes_: int) -> None:
        """What went to the card beside the log, such as a copy; it counts in the day's sum."""
        with self._wake:
            self._elsewhere += bytes_

    @property
    def busy(self) -> bool:
        """Whether something is being written, or is due to be."""
        with self._wake:
            return self._writing or self._due()

    def close(self) -> None:
        """Writes what waits, or says that it can't, and ends the thread. Blocks."""
        with self._wake:
            self._closing = self._hurry = True
            self._wake.notify()
        self._thread.join()
        self._db.close()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._write_one_batch():
                pass
        finally:
            self._answer(self._settlers, OSError(self.trouble or "The database is closed"))

    def _write_one_batch(self) -> bool:
        """Waits until something is due and writes all that waits; False when that was the last."""
        with self._wake:
            while not self._due():
                self._wake.wait(LOOK_S if self._waiting or self._hurry else None)
            batch, durable, asked, last = self._waiting, self._hurry, len(self._settlers), self._closing
            self._waiting, self._hurry, self._writing = {}, False, True
        written = self._write(batch, durable)
        with self._wake:
            self._writing = False
            if written:
                settled, self._settlers = self._settlers[:asked], self._settlers[asked:]
            else:
                self._put_back(batch)
        if written:
            self._answer(settled)
        elif last:
            log.error("%d changes are lost: the database can't be written", len(batch))
        return not last

    @staticmethod
    def _answer(settlers: Iterable[Future[None]], error: OSError | None = None) -> None:
        for done in settlers:
            if done.set_running_or_notify_cancel():
                done.set_result(None) if error is None else done.set_exception(error)

    def _due(self) -> bool:
        if self._closing:
            return True
        real_s = self._real.monotonic()
        if real_s < self._retry_real_s:
            return False
        if self._hurry:
            return True
        return bool(self._waiting) and (
            self._clock.monotonic() - self._oldest_s >= GROUP_S or real_s - self._oldest_real_s >= GROUP_S
        )

    def _write(self, batch: Batch, durable: bool) -> bool:
        tally = self._tally()
        wanted = [*batch.values(), *tally]
        try:
            self._db.execute("PRAGMA synchronous = FULL" if durable else "PRAGMA synchronous = NORMAL")
            if wanted:
                with self._db.atomic():
                    self._apply(wanted)
        except sqlite3.Error as error:
            self._in_trouble(error, len(batch))
            return False
        self._out_of_trouble()
        if tally:
            self._tallied_s, self._untallied = self._clock.monotonic(), [0, 0]
        if wanted:
            self._add_up()
        return True

    def _apply(self, wanted: Iterable[Change]) -> None:
        for change in wanted:
            try:
                with self._db.atomic():  # a savepoint: one change that can't be written takes no other with it
                    for sql, values in change.all_statements:
                        self._db.execute(sql, values)
            except UNWRITABLE as error:
                log.error("The store leaves out a change of %s: %s", change.key or change.all_statements[0][0], error)

    def _put_back(self, batch: Batch) -> None:
        """In front of what came meanwhile; where that is about the same row, the newer one stays."""
        newer = self._waiting
        self._waiting = {key: _merged(newer.get(key, old), old) for key, old in batch.items()}
        self._waiting.update((key, change) for key, change in newer.items() if key not in batch)
        self._hurry = True
        while len(self._waiting) > MOST_WAITING:
            self._forget_one()

    def _forget_one(self) -> None:
        spare = (key for key, change in self._waiting.items() if not change.urgent and not change.told)
        victim = next(spare, next(iter(self._waiting)))
        del self._waiting[victim]
        self.forgotten += 1

    def _in_trouble(self, error: sqlite3.Error, waiting: int) -> None:
        if self.trouble is None:
            log.error("The database can't be written (%s); %d changes wait in memory", error, waiting)
        self.trouble = said("store.trouble", "The database can't be written: {error}", error=str(error))
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._retry_real_s = self._real.monotonic() + self._pause_s

    def _out_of_trouble(self) -> None:
        if self.trouble is not None:
            log.info("The database takes changes again; %d were forgotten meanwhile", self.forgotten)
        self.trouble = None
        self._pause_s = self._retry_real_s = 0.0

    # -- what is asked of the card ------------------------------------------------------------------------------------

    def _add_up(self) -> None:
        with self._wake:
            written, self._elsewhere = self._count.new_bytes() + self._elsewhere, 0
        self.bytes_written += written
        self.commits += 1
        self._untallied[0] += written
        self._untallied[1] += 1

    def _tally(self) -> list[Change]:
        """The day's sum, kept once an hour and at the end: to keep it each time would itself be most of a group."""
        early = self._clock.monotonic() - self._tallied_s < TALLY_EVERY_S
        if self._untallied == [0, 0] or (early and not self._closing):
            return []
        return [changes.written(self._clock.utc(), *self._untallied)]


def _merged(change: Change, replaced: Change | None) -> Change:
    """Urgency is inherited: a counter that moves must not make a change of state that still waits forgettable.

    So is what others must be told: a debt stays a debt, however new the figures are.
    """
    if replaced is None:
        return change
    told = {mark.place: mark for mark in change.told}
    for mark in replaced.told:
        newer = told.get(mark.place, mark)
        told[mark.place] = replace(mark, due_at=min(mark.due_at, newer.due_at))
    return replace(change, urgent=change.urgent or replaced.urgent, told=tuple(told.values()))
