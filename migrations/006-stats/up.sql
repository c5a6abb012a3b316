-- What containers and their host used ------------------------------------------------------------------
-- Averages and maxima of a minute (kept for two days) and of a quarter of an hour (kept as long as it is set). By time
-- first: the rows of a minute lie together, so that a minute costs a few pages and not one for each container, and so
-- that "who used the most last night" is one stretch; a container's own history is read by one look-up a minute.
-- Units: cpu and load in hundredths (of a percent of one core; of a waiting process), traffic in bytes a second, memory and
-- swap in bytes. NULL: not known. No reference to subjects: rows go by their age, and never all of a subject's at once.
CREATE TABLE stats_minute (
    at           INTEGER NOT NULL,            -- minutes since the epoch
    subject      INTEGER NOT NULL,
    samples      INTEGER NOT NULL,            -- how many measurements it is the average of
    cpu          INTEGER, cpu_max     INTEGER,
    memory       INTEGER, memory_max  INTEGER,
    rx           INTEGER, rx_max      INTEGER,
    tx           INTEGER, tx_max      INTEGER,
    read         INTEGER, read_max    INTEGER,
    written      INTEGER, written_max INTEGER,
    pids         INTEGER, pids_max    INTEGER,
    load         INTEGER, load_max    INTEGER,
    swap         INTEGER, swap_max    INTEGER,
    memory_limit INTEGER,
    PRIMARY KEY (at, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE stats_quarter (
    at           INTEGER NOT NULL,            -- quarters of an hour since the epoch
    subject      INTEGER NOT NULL,
    samples      INTEGER NOT NULL,
    cpu          INTEGER, cpu_max     INTEGER,
    memory       INTEGER, memory_max  INTEGER,
    rx           INTEGER, rx_max      INTEGER,
    tx           INTEGER, tx_max      INTEGER,
    read         INTEGER, read_max    INTEGER,
    written      INTEGER, written_max INTEGER,
    pids         INTEGER, pids_max    INTEGER,
    load         INTEGER, load_max    INTEGER,
    swap         INTEGER, swap_max    INTEGER,
    memory_limit INTEGER,
    PRIMARY KEY (at, subject)
) STRICT, WITHOUT ROWID;

-- How full the disks are that Docker uses, by quarters of an hour.
CREATE TABLE stats_disk (
    at      INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    used    INTEGER NOT NULL,                 -- bytes
    total   INTEGER NOT NULL,
    PRIMARY KEY (at, subject)
) STRICT, WITHOUT ROWID;

-- Thresholds that are crossed now, so that a restart does not tell of them again.
CREATE TABLE stats_alerts (
    engine TEXT NOT NULL,
    kind   TEXT NOT NULL,                     -- of the subject: container, disk
    key    TEXT NOT NULL,                     -- of the subject
    rule   TEXT NOT NULL,                     -- memory, cpu, disk_warning, disk_error, disk_full_soon
    since  INTEGER NOT NULL,                  -- ms
    name   TEXT NOT NULL,                     -- of the subject, at the time
    value  INTEGER NOT NULL,                  -- percent, or days
    PRIMARY KEY (engine, kind, key, rule)
) STRICT, WITHOUT ROWID;
