-- The search over events -----------------------------------------------------------------------------
-- `words` is what people search; `facets` has one token for each thing that is filtered by (see
-- platform::journal::facets), so that a filter costs what a word costs. Contentless: the text stands in events.
CREATE VIRTUAL TABLE event_words USING fts5 (
    words, facets,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2", prefix = 3
);

-- Counts by minute: histograms, and which ids a time lies between ---------------------------------------
CREATE TABLE event_minutes (
    minute      INTEGER NOT NULL,             -- minutes since the epoch
    severity    INTEGER NOT NULL,
    admins_only INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    first_id    INTEGER NOT NULL,
    last_id     INTEGER NOT NULL,
    PRIMARY KEY (minute, severity, admins_only)
) STRICT, WITHOUT ROWID;

-- The last lines a container wrote before an event, so that they outlive it -----------------------------
CREATE TABLE event_logs (
    event_id INTEGER PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    lines    TEXT NOT NULL                    -- JSON: [{"at": ms or null, "stream": "stdout", "text": "…"}]
) STRICT;

-- What is there already.
INSERT INTO event_minutes
    SELECT at / 60000, severity, admins_only, count(*), min(id), max(id) FROM events GROUP BY 1, 2, 3;
INSERT INTO event_words (rowid, words, facets)
    SELECT id,
           message || ' ' || subject_name || ' ' || actor || ' ' || replace(replace(kind, '.', ' '), '_', ' '),
           'zs' || severity || ' zo' || source || ' zk' || replace(replace(kind, '.', 'z'), '_', 'z')
               || ' ze' || lower(hex(engine)) || ' zt' || subject_type || ' zn' || lower(hex(lower(subject_name)))
               || ' zi' || lower(hex(substr(subject_id, 1, 12)))
               || coalesce(' zu' || subject, '')
    FROM events;
