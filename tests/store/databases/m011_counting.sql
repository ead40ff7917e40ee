BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'hemsd','m001_visits','2026-11-21 19:17:08.419897+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'hemsd','m002_steering','2026-11-21 19:17:08.441780+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'hemsd','m003_site','2026-11-21 19:17:08.454772+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'hemsd','m004_bookkeeping','2026-11-21 19:17:08.461342+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'hemsd','m005_courses','2026-11-21 19:17:08.483398+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'hemsd','m006_clients','2026-11-21 19:17:08.487900+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'hemsd','m007_outbox','2026-11-21 19:17:08.501577+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'hemsd','m008_analysis','2026-11-21 19:17:08.529768+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'hemsd','m009_failures','2026-11-21 19:17:08.566997+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'hemsd','m010_judging','2026-11-21 19:17:08.574930+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'hemsd','m011_counting','2026-11-21 19:17:08.584163+00:00');
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
        ;
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
            energy_wh     REAL, offered_wh REAL, model TEXT,
            UNIQUE (tenant, external_id)
        ) STRICT
        ;
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
        ;
CREATE TABLE clients (
            id      TEXT PRIMARY KEY,
            name    TEXT NOT NULL UNIQUE,
            secret  TEXT NOT NULL,
            scopes  TEXT NOT NULL,
            made_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "clients" VALUES('5df65af4d12dfe06ac4df1c559ec53c2','energy cloud','ffb61a8922e92c20e0a28062db86b4603d6113d8d9a92eba726c2582263109c8','flex',1782043200000);
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
        ;
INSERT INTO "cloud_verdicts" VALUES(1,1782043200000,'active',0,0.12,NULL,NULL,NULL,'[]',NULL);
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
        ;
INSERT INTO "commands" VALUES(1,'garage',1,1782043200000,1000.25,9.0,1,2070.0,NULL,'applied','unverified',0,NULL,NULL,NULL,'[{"at":"2026-06-21T12:00:00+00:00","way":"TxDefaultProfile Absolute stack 0 A","status":"applied"}]','{"rule":"offered","text":"9.0 A offered","samples":[{"received_s":1000.0,"received_at":"2026-06-21T12:00:00+00:00","transaction_id":17,"offered_a":9.0,"currents_a":[8.9,0.0,0.0],"voltages_v":[231.5,null,null],"power_w":2060.0,"energy_wh":120345.0},{"received_s":1010.0,"received_at":"2026-06-21T12:00:10+00:00","transaction_id":17,"offered_a":9.0,"currents_a":[8.9,0.0,0.0],"voltages_v":[231.5,null,null],"power_w":2060.0,"energy_wh":120345.0}]}');
CREATE TABLE courses (visit INTEGER PRIMARY KEY, course TEXT NOT NULL) STRICT;
INSERT INTO "courses" VALUES(1,'{"policy":"home"}');
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
        ;
INSERT INTO "dead_letters" VALUES(1,'analysis','visit','00000000-0000-0000-0000-000000000001',NULL,NULL,1782043200000,1782043200000,422,'422 no such station');
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
        ;
INSERT INTO "decisions" VALUES(1,'garage',1,1782043200000,'hold','MODULATING','within-step','surplus 2.2 kW keeps 9 A',9.0,1,2070.0,'{"grid_w":-120.0,"pv_w":2960.0,"mode":"solar","stale":false,"soc_pct":null}',1,1,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "facts" VALUES('mode/garage','"solar"');
CREATE TABLE identities (
            kind  TEXT NOT NULL,
            name  TEXT NOT NULL,
            id    TEXT NOT NULL UNIQUE,
            PRIMARY KEY (kind, name)
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "identities" VALUES('location','','7a59749c-de67-4da6-b5c8-954a9acddcbb');
INSERT INTO "identities" VALUES('org','','ca636daf-937f-49f4-9888-28cbfab72e2c');
INSERT INTO "identities" VALUES('policy','home','1e72a888-fa45-47fb-9ceb-5f75b41f0f6b');
INSERT INTO "identities" VALUES('user','','1eccb408-ebe5-4903-ad14-e27ed3392624');
INSERT INTO "identities" VALUES('vehicle','car','896be8b3-a5a3-4d60-9661-116b7a3eb381');
INSERT INTO "identities" VALUES('wallbox','garage','4e9aa149-b29a-46ac-b172-86314d4125bd');
CREATE TABLE lanes (
            lane              TEXT PRIMARY KEY,
            failing_since_ms  INTEGER,
            answered_ms       INTEGER,
            answer            TEXT NOT NULL,
            closed_ms         INTEGER
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "lanes" VALUES('analysis',1782043200000,NULL,'',NULL);
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
        ;
INSERT INTO "meter_values" VALUES(1,1782043200000,1782043200000,17,9.0,NULL,8.9,0.0,0.0,231.5,NULL,NULL,2060.0,120345.0,NULL,0);
CREATE TABLE model_choices (tenant TEXT PRIMARY KEY, model TEXT NOT NULL, chosen_ms INTEGER NOT NULL) STRICT;
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
            progress  TEXT, failures INTEGER NOT NULL DEFAULT 0, failing_since_ms INTEGER,
            UNIQUE (lane, kind, subject)
        ) STRICT
        ;
INSERT INTO "outbox" VALUES(2,'webhook:1f','flex:session:updated','00000000-0000-0000-0000-000000000001',1,0,1782043200000,1782043200000,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES(3,'webhook:1f','flex:session:updated','00000000-0000-0000-0000-000000000002',1,0,1782043200000,1782043200000,NULL,NULL,NULL,NULL,0,NULL);
CREATE TABLE quarter_hours (
            visit       INTEGER NOT NULL,
            start_ms    INTEGER NOT NULL,
            energy_wh   REAL NOT NULL,
            solar_wh    REAL NOT NULL,
            battery_wh  REAL NOT NULL,
            grid_wh     REAL NOT NULL,
            PRIMARY KEY (visit, start_ms)
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "quarter_hours" VALUES(1,1782043200000,500.0,400.0,0.0,100.0);
CREATE TABLE site_minutes (
            at_ms      INTEGER PRIMARY KEY,
            grid_w     REAL,
            pv_w       REAL,
            battery_w  REAL,
            soc_pct    REAL,
            house_w    REAL,
            cars_w     TEXT
        ) STRICT
        ;
INSERT INTO "site_minutes" VALUES(1782043200000,-120.0,2960.0,0.0,55.0,780.0,'{"garage":2060.0}');
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
        ;
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
        ;
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
        ;
INSERT INTO "transactions" VALUES(1,'garage',1,'04A1B2C3',1782043200000,1000.0,1782061200000,7500.0,'EVDisconnected');
INSERT INTO "transactions" VALUES(2,'garage',1,'04A1B2C3',1782129600000,7500.0,NULL,NULL,NULL);
CREATE TABLE tuned_models (
            id           TEXT PRIMARY KEY,
            tenant       TEXT NOT NULL,
            name         TEXT NOT NULL,
            base         TEXT NOT NULL,
            base_sha256  TEXT NOT NULL,
            weights      TEXT NOT NULL,
            metrics      TEXT NOT NULL,
            created_ms   INTEGER NOT NULL
        , surprises TEXT NOT NULL DEFAULT '[]') STRICT, WITHOUT ROWID
        ;
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
        , policy TEXT, aborted INTEGER NOT NULL DEFAULT 0) STRICT
        ;
INSERT INTO "visits" VALUES(1,'00000000-0000-0000-0000-000000000001','garage','car',1782043260000,1782061200000,1,1,NULL,NULL,6500.0,6000.0,0.0,500.0,'IDLE',NULL,0);
INSERT INTO "visits" VALUES(2,'00000000-0000-0000-0000-000000000002','garage','car',1782129600000,NULL,1,NULL,NULL,NULL,0.0,0.0,0.0,0.0,'IDLE',NULL,0);
CREATE TABLE wallbox_statuses (
            wallbox     TEXT NOT NULL,
            at_ms       INTEGER NOT NULL,
            status      TEXT NOT NULL,
            error_code  TEXT NOT NULL,
            PRIMARY KEY (wallbox, at_ms)
        ) STRICT, WITHOUT ROWID
        ;
CREATE TABLE written (day_ms INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, commits INTEGER NOT NULL) STRICT;
INSERT INTO "written" VALUES(1782000000000,219032,6);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX visits_newest ON visits (plugged_in_ms DESC, id);
CREATE INDEX visits_running ON visits (wallbox) WHERE plugged_out_ms IS NULL;
CREATE INDEX decisions_by_visit ON decisions (visit);
CREATE INDEX decisions_by_time ON decisions (at_ms);
CREATE INDEX commands_by_visit ON commands (visit);
CREATE INDEX commands_by_time ON commands (at_ms);
CREATE INDEX transactions_by_start ON transactions (wallbox, connector_id, started_ms);
CREATE INDEX transactions_open ON transactions (wallbox) WHERE ended_ms IS NULL;
CREATE INDEX analysis_newest ON analysis_sessions (tenant, created_ms DESC, number DESC);
CREATE INDEX analysis_by_station ON analysis_sessions (tenant, station, created_ms DESC);
CREATE INDEX visits_by_wallbox ON visits (wallbox, plugged_in_ms DESC, id, managed);
CREATE INDEX visits_by_vehicle ON visits (vehicle, plugged_in_ms DESC, id, plugged_out_ms);
COMMIT;
