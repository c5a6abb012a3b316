-- Proxies: which domain leads where. What is wanted is sealed: headers may hold secrets ------------------
CREATE TABLE proxies (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    spec       TEXT NOT NULL,                 -- sealed JSON
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL
) STRICT;

-- Each domain and path leads to one proxy.
CREATE TABLE proxy_claims (
    domain   TEXT NOT NULL,
    path     TEXT NOT NULL,                   -- empty: the whole site
    proxy_id INTEGER NOT NULL REFERENCES proxies (id) ON DELETE CASCADE,
    PRIMARY KEY (domain, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX proxy_claims_proxy ON proxy_claims (proxy_id);

-- How each was before it was changed.
CREATE TABLE proxy_versions (
    proxy_id INTEGER NOT NULL REFERENCES proxies (id) ON DELETE CASCADE,
    version  INTEGER NOT NULL,
    spec     TEXT NOT NULL,                   -- sealed JSON
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    PRIMARY KEY (proxy_id, version)
) STRICT;
