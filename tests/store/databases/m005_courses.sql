BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'hemsd','m001_visits','2026-11-21 18:32:06.032440+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'hemsd','m002_steering','2026-11-21 18:32:06.060215+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'hemsd','m003_site','2026-11-21 18:32:06.090956+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'hemsd','m004_bookkeeping','2026-11-21 18:32:06.117600+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'hemsd','m005_courses','2026-11-21 18:32:06.143433+00:00');
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
INSERT INTO "identities" VALUES('location','','135c462a-8ea3-4e70-b90d-54cf1cf91b27');
INSERT INTO "identities" VALUES('org','','3d779d64-2fc4-4212-b432-f7f7d6863c36');
INSERT INTO "identities" VALUES('policy','home','3d53f1c1-b39d-4896-9838-0dc031e50cad');
INSERT INTO "identities" VALUES('user','','ddaee9c7-663f-4b1e-83a3-fd36988a1e76');
INSERT INTO "identities" VALUES('vehicle','car','81e9aa5e-17e9-4744-a174-ebd1a84b47a9');
INSERT INTO "identities" VALUES('wallbox','garage','2d966686-5bc0-4db8-bec8-2744dc019258');
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
CREATE TABLE written (day_ms INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, commits INTEGER NOT NULL) STRICT;
INSERT INTO "written" VALUES(1782000000000,219032,7);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX visits_newest ON visits (plugged_in_ms DESC, id);
CREATE INDEX visits_by_wallbox ON visits (wallbox, plugged_in_ms DESC, id);
CREATE INDEX visits_by_vehicle ON visits (vehicle, plugged_in_ms DESC, id);
CREATE INDEX visits_running ON visits (wallbox) WHERE plugged_out_ms IS NULL;
CREATE INDEX decisions_by_visit ON decisions (visit);
CREATE INDEX decisions_by_time ON decisions (at_ms);
CREATE INDEX commands_by_visit ON commands (visit);
CREATE INDEX commands_by_time ON commands (at_ms);
CREATE INDEX transactions_by_start ON transactions (wallbox, connector_id, started_ms);
CREATE INDEX transactions_open ON transactions (wallbox) WHERE ended_ms IS NULL;
COMMIT;
