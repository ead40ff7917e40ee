BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'hemsd','m001_visits','2026-11-21 18:32:01.225782+00:00');
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
        ;
INSERT INTO "visits" VALUES(1,'00000000-0000-0000-0000-000000000001','garage','car',1782043260000,1782061200000,1,1,NULL,NULL,6500.0,6000.0,0.0,500.0,'IDLE');
INSERT INTO "visits" VALUES(2,'00000000-0000-0000-0000-000000000002','garage','car',1782129600000,NULL,1,NULL,NULL,NULL,0.0,0.0,0.0,0.0,'IDLE');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX visits_newest ON visits (plugged_in_ms DESC, id);
CREATE INDEX visits_by_wallbox ON visits (wallbox, plugged_in_ms DESC, id);
CREATE INDEX visits_by_vehicle ON visits (vehicle, plugged_in_ms DESC, id);
CREATE INDEX visits_running ON visits (wallbox) WHERE plugged_out_ms IS NULL;
COMMIT;
