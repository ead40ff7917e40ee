"""The tables, as the migrations that make them.

Times are integer milliseconds UTC in columns ending in ``_ms``. Rows of a visit refer to its small ``number``, not to
its uuid: the rows that come every minute stay short, and so does what is written for them. Every table is STRICT, so
a value of the wrong type is an error at once and not a riddle a year later.

A migration is never edited once released; what changes comes as a new function below the last one. Each runs in one
transaction together with the note that it ran.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("hemsd")

# Small pages: a minute changes one row in each of a handful of tables, and the log takes a whole page for each
# (benchmarks/store_bytes.py shows what the choice saves). Fixed when the file is made.
PAGE_BYTES = 1024


@migrations()
def m001_visits(db: Database) -> None:
    _run(
        db,
        """
        CREATE TABLE visits (
            number          INTEGER PRIMARY KEY,
            id              TEXT NOT NULL UNIQUE,
            wallbox         TEXT NOT NULL,
            vehicle         TEXT,
            plugged_in_ms   INTEGER NOT NULL,
            plugged_out_ms  INTEGER,
            managed         INTEGER NOT NULL,
            transaction_id  INTEGER,
            meter_start_wh  REAL,
            meter_last_wh   REAL,
            energy_wh       REAL NOT NULL,
            solar_wh        REAL NOT NULL,
            battery_wh      REAL NOT NULL,
            grid_wh         REAL NOT NULL,
            final_state     TEXT NOT NULL
        ) STRICT
        """,
        # Newest first, then by id: the order of every list, so that a page is one walk along an index.
        "CREATE INDEX visits_newest ON visits (plugged_in_ms DESC, id)",
        "CREATE INDEX visits_by_wallbox ON visits (wallbox, plugged_in_ms DESC, id)",
        "CREATE INDEX visits_by_vehicle ON visits (vehicle, plugged_in_ms DESC, id)",
        "CREATE INDEX visits_running ON visits (wallbox) WHERE plugged_out_ms IS NULL",
        # start_ms lies on UTC quarter hours.
        """
        CREATE TABLE quarter_hours (
            visit       INTEGER NOT NULL,
            start_ms    INTEGER NOT NULL,
            energy_wh   REAL NOT NULL,
            solar_wh    REAL NOT NULL,
            battery_wh  REAL NOT NULL,
            grid_wh     REAL NOT NULL,
            PRIMARY KEY (visit, start_ms)
        ) STRICT, WITHOUT ROWID
        """,
        # One row a minute: the newest sample of that minute.
        """
        CREATE TABLE meter_values (
            visit           INTEGER NOT NULL,
            minute_ms       INTEGER NOT NULL,
            at_ms           INTEGER NOT NULL,
            transaction_id  INTEGER,
            offered_a       REAL,
            offered_w       REAL,
            l1_a            REAL,
            l2_a            REAL,
            l3_a            REAL,
            l1_v            REAL,
            l2_v            REAL,
            l3_v            REAL,
            power_w         REAL,
            energy_wh       REAL,
            soc_pct         REAL,
            backlog         INTEGER NOT NULL,
            PRIMARY KEY (visit, minute_ms)
        ) STRICT, WITHOUT ROWID
        """,
    )


@migrations()
def m002_steering(db: Database) -> None:
    _run(
        db,
        """
        CREATE TABLE decisions (
            id          INTEGER PRIMARY KEY,
            wallbox     TEXT NOT NULL,
            visit       INTEGER,
            at_ms       INTEGER NOT NULL,
            kind        TEXT NOT NULL,
            state       TEXT NOT NULL,
            rule        TEXT NOT NULL,
            reason      TEXT NOT NULL,
            limit_a     REAL,
            phases      INTEGER,
            target_w    REAL,
            inputs      TEXT NOT NULL,
            dispatched  INTEGER NOT NULL,
            command_id  INTEGER,
            ticks       INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX decisions_by_visit ON decisions (visit)",
        "CREATE INDEX decisions_by_time ON decisions (at_ms)",
        """
        CREATE TABLE commands (
            id                          INTEGER PRIMARY KEY,
            wallbox                     TEXT NOT NULL,
            visit                       INTEGER,
            at_ms                       INTEGER NOT NULL,
            sent_s                      REAL NOT NULL,
            amps                        REAL NOT NULL,
            phases                      INTEGER,
            watts                       REAL NOT NULL,
            before_a                    REAL,
            dispatch_status             TEXT NOT NULL,
            outcome                     TEXT NOT NULL,
            final                       INTEGER NOT NULL,
            observed_current_offered_a  REAL,
            observed_power_w            REAL,
            effect_s                    REAL,
            attempts                    TEXT NOT NULL,
            evidence                    TEXT
        ) STRICT
        """,
        "CREATE INDEX commands_by_visit ON commands (visit)",
        "CREATE INDEX commands_by_time ON commands (at_ms)",
    )


@migrations()
def m003_site(db: Database) -> None:
    _run(
        db,
        """
        CREATE TABLE site_minutes (
            at_ms      INTEGER PRIMARY KEY,
            grid_w     REAL,
            pv_w       REAL,
            battery_w  REAL,
            soc_pct    REAL,
            house_w    REAL,
            cars_w     TEXT
        ) STRICT
        """,
    )


@migrations()
def m004_bookkeeping(db: Database) -> None:
    _run(
        db,
        # The ids that wallboxes were given: a promise that outlives us.
        """
        CREATE TABLE transactions (
            id              INTEGER PRIMARY KEY,
            wallbox         TEXT NOT NULL,
            connector_id    INTEGER NOT NULL,
            id_tag          TEXT NOT NULL,
            started_ms      INTEGER NOT NULL,
            meter_start_wh  REAL,
            ended_ms        INTEGER,
            meter_stop_wh   REAL,
            reason          TEXT
        ) STRICT
        """,
        "CREATE INDEX transactions_by_start ON transactions (wallbox, connector_id, started_ms)",
        "CREATE INDEX transactions_open ON transactions (wallbox) WHERE ended_ms IS NULL",
        """
        CREATE TABLE identities (
            kind  TEXT NOT NULL,
            name  TEXT NOT NULL,
            id    TEXT NOT NULL UNIQUE,
            PRIMARY KEY (kind, name)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        # What the store has asked of the card, a row per UTC day.
        "CREATE TABLE written (day_ms INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, commits INTEGER NOT NULL) STRICT",
    )


@migrations()
def m005_courses(db: Database) -> None:
    _run(
        db,
        "ALTER TABLE visits ADD COLUMN policy TEXT",
        "ALTER TABLE visits ADD COLUMN aborted INTEGER NOT NULL DEFAULT 0",
        # What a visit was for and how far it came, as JSON: rules.course knows its form.
        "CREATE TABLE courses (visit INTEGER PRIMARY KEY, course TEXT NOT NULL) STRICT",
    )


@migrations()
def m006_clients(db: Database) -> None:
    _run(
        db,
        # Programs that may ask for tokens. Only a digest of the secret is kept.
        """
        CREATE TABLE clients (
            id      TEXT PRIMARY KEY,
            name    TEXT NOT NULL UNIQUE,
            secret  TEXT NOT NULL,
            scopes  TEXT NOT NULL,
            made_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    )


@migrations()
def m007_outbox(db: Database) -> None:
    _run(
        db,
        # Who is still to be told what; hemsd.store.outbox says how its columns are meant.
        """
        CREATE TABLE outbox (
            id        INTEGER PRIMARY KEY,
            lane      TEXT NOT NULL,
            kind      TEXT NOT NULL,
            subject   TEXT NOT NULL,
            told      INTEGER NOT NULL,
            done      INTEGER NOT NULL,
            told_ms   INTEGER NOT NULL,
            due_ms    INTEGER NOT NULL,
            body      TEXT,
            delivery  TEXT,
            plan      TEXT,
            progress  TEXT,
            UNIQUE (lane, kind, subject)
        ) STRICT
        """,
        # Refused for good, with the answer; a person may send them again.
        """
        CREATE TABLE dead_letters (
            id        INTEGER PRIMARY KEY,
            lane      TEXT NOT NULL,
            kind      TEXT NOT NULL,
            subject   TEXT NOT NULL,
            body      TEXT,
            progress  TEXT,
            told_ms   INTEGER NOT NULL,
            died_ms   INTEGER NOT NULL,
            status    INTEGER,
            answer    TEXT NOT NULL,
            UNIQUE (lane, kind, subject)
        ) STRICT
        """,
        """
        CREATE TABLE lanes (
            lane              TEXT PRIMARY KEY,
            failing_since_ms  INTEGER,
            answered_ms       INTEGER,
            answer            TEXT NOT NULL,
            closed_ms         INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        # What the cloud thinks of a visit, beside what hemsd thinks.
        """
        CREATE TABLE cloud_verdicts (
            visit               INTEGER PRIMARY KEY,
            received_ms         INTEGER NOT NULL,
            status              TEXT NOT NULL,
            is_anomaly          INTEGER,
            anomaly_score       REAL,
            anomaly_confidence  REAL,
            is_incident         INTEGER,
            is_recurring        INTEGER,
            anomalies           TEXT NOT NULL,
            analyzed_ms         INTEGER
        ) STRICT
        """,
    )


@migrations()
def m008_analysis(db: Database) -> None:
    _run(
        db,
        # Verdicts on sessions: the home's own visits (tenant "") and what programs posted. anomalies is JSON.
        """
        CREATE TABLE analysis_sessions (
            number        INTEGER PRIMARY KEY,
            id            TEXT NOT NULL UNIQUE,
            tenant        TEXT NOT NULL,
            external_id   TEXT NOT NULL,
            station       TEXT NOT NULL,
            connector     TEXT,
            evse          TEXT,
            metadata      TEXT,
            created_ms    INTEGER NOT NULL,
            status        TEXT NOT NULL,
            is_anomaly    INTEGER,
            score         REAL,
            confidence    REAL,
            is_incident   INTEGER,
            is_recurring  INTEGER,
            anomalies     TEXT NOT NULL,
            story         TEXT NOT NULL,
            begins_ms     INTEGER,
            length        INTEGER NOT NULL,
            analyzed_ms   INTEGER,
            surprise      REAL,
            peak_w        REAL,
            energy_wh     REAL,
            UNIQUE (tenant, external_id)
        ) STRICT
        """,
        "CREATE INDEX analysis_newest ON analysis_sessions (tenant, created_ms DESC, number DESC)",
        "CREATE INDEX analysis_by_station ON analysis_sessions (tenant, station, created_ms DESC)",
        # As received; measurand is the one that is meant, told the one that was written. '' stands for "not told".
        """
        CREATE TABLE analysis_values (
            session    INTEGER NOT NULL,
            at_ms      INTEGER NOT NULL,
            measurand  TEXT NOT NULL,
            phase      TEXT NOT NULL,
            location   TEXT NOT NULL,
            value      REAL NOT NULL,
            unit       TEXT NOT NULL,
            told       TEXT NOT NULL,
            PRIMARY KEY (session, at_ms, measurand, phase, location)
        ) STRICT, WITHOUT ROWID
        """,
        # What was found of a station on one UTC day.
        """
        CREATE TABLE station_days (
            tenant       TEXT NOT NULL,
            station      TEXT NOT NULL,
            day_ms       INTEGER NOT NULL,
            id           TEXT NOT NULL UNIQUE,
            is_anomaly   INTEGER NOT NULL,
            score        REAL NOT NULL,
            details      TEXT NOT NULL,
            analyzed_ms  INTEGER NOT NULL,
            PRIMARY KEY (tenant, station, day_ms)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE analysis_batches (
            id            TEXT PRIMARY KEY,
            tenant        TEXT NOT NULL,
            status        TEXT NOT NULL,
            total         INTEGER NOT NULL,
            failed        INTEGER NOT NULL,
            results       TEXT NOT NULL,
            created_ms    INTEGER NOT NULL,
            completed_ms  INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE training_jobs (
            id            TEXT PRIMARY KEY,
            tenant        TEXT NOT NULL,
            asked         TEXT NOT NULL,
            status        TEXT NOT NULL,
            result        TEXT,
            error         TEXT,
            created_ms    INTEGER NOT NULL,
            started_ms    INTEGER,
            completed_ms  INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        # A fine-tuned model is the checksum of its base and one vector of float32, base64.
        """
        CREATE TABLE tuned_models (
            id           TEXT PRIMARY KEY,
            tenant       TEXT NOT NULL,
            name         TEXT NOT NULL,
            base         TEXT NOT NULL,
            base_sha256  TEXT NOT NULL,
            weights      TEXT NOT NULL,
            metrics      TEXT NOT NULL,
            created_ms   INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    )


@migrations()
def m009_failures(db: Database) -> None:
    _run(
        db,
        # How often a debt has failed by itself, and since when: over restarts, so that it is given up one day.
        "ALTER TABLE outbox ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN failing_since_ms INTEGER",
    )


@migrations()
def m010_judging(db: Database) -> None:
    _run(
        db,
        # What wallboxes said of themselves, changes only: a verdict on a visit needs it after a restart, too.
        """
        CREATE TABLE wallbox_statuses (
            wallbox     TEXT NOT NULL,
            at_ms       INTEGER NOT NULL,
            status      TEXT NOT NULL,
            error_code  TEXT NOT NULL,
            PRIMARY KEY (wallbox, at_ms)
        ) STRICT, WITHOUT ROWID
        """,
        # What could have been taken, and whose weights said how surprising it was (NULL: the shipped ones).
        "ALTER TABLE analysis_sessions ADD COLUMN offered_wh REAL",
        "ALTER TABLE analysis_sessions ADD COLUMN model TEXT",
        # What own healthy sessions score under a fine-tuned model, as a JSON list: its calibration.
        "ALTER TABLE tuned_models ADD COLUMN surprises TEXT NOT NULL DEFAULT '[]'",
        # Which model judges a tenant's sessions, where somebody or a fine-tuning chose one.
        "CREATE TABLE model_choices (tenant TEXT PRIMARY KEY, model TEXT NOT NULL, chosen_ms INTEGER NOT NULL) STRICT",
    )


@migrations()
def m011_counting(db: Database) -> None:
    _run(
        db,
        # Dialects that count pages skip the rows before: along an index that knows what they ask for, and no row.
        "DROP INDEX visits_by_wallbox",
        "DROP INDEX visits_by_vehicle",
        "CREATE INDEX visits_by_wallbox ON visits (wallbox, plugged_in_ms DESC, id, managed)",
        "CREATE INDEX visits_by_vehicle ON visits (vehicle, plugged_in_ms DESC, id, plugged_out_ms)",
    )


def _run(db: Database, *statements: str) -> None:
    for sql in statements:
        db.execute(sql)
