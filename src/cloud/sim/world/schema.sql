-- The sandbox's world. Times are microseconds since 1970 (UTC); accounts are main account numbers as text.

CREATE TABLE world (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    calls INTEGER NOT NULL,             -- calls that were answered, the source of request ids
    things INTEGER NOT NULL,            -- things that were made, the source of resource ids
    settings TEXT NOT NULL,             -- JSON
    settings_version INTEGER NOT NULL
) STRICT;

CREATE TABLE images (
    seq INTEGER PRIMARY KEY,            -- the order in which they were made
    id TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    family TEXT NOT NULL,
    deprecated INTEGER NOT NULL,
    size_gib INTEGER NOT NULL,
    os TEXT NOT NULL,
    platform TEXT NOT NULL,
    architecture TEXT NOT NULL,
    license TEXT NOT NULL,
    source TEXT NOT NULL,               -- as the field ImageSource tells it
    cloudinit INTEGER NOT NULL,
    encrypted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,        -- from when on DescribeImages lists it
    state TEXT NOT NULL,                -- until ready_at
    ready_at INTEGER,                   -- when state turns into becomes; null: never
    becomes TEXT NOT NULL,
    made_from TEXT NOT NULL             -- instance, snapshots, URL without query, or image
) STRICT;
CREATE UNIQUE INDEX image_names ON images (owner, region, name);
CREATE INDEX image_regions ON images (region, owner);

CREATE TABLE snapshots (
    id TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    owner TEXT NOT NULL,
    usage TEXT NOT NULL,                -- SYSTEM_DISK or DATA_DISK
    size_gib INTEGER NOT NULL,
    disk TEXT NOT NULL,
    encrypted INTEGER NOT NULL,
    state TEXT NOT NULL,
    ready_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE image_snapshots (
    image TEXT NOT NULL,
    position INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_images ON image_snapshots (snapshot);

CREATE TABLE shares (
    image TEXT NOT NULL,
    account TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (image, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_accounts ON shares (account);

CREATE TABLE tags (
    image TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (image, key)
) STRICT, WITHOUT ROWID;

-- Pairs of key and value that an account has, on things or not (651/35318 CreateTag).
CREATE TABLE account_tags (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    owner TEXT NOT NULL,
    body TEXT NOT NULL                  -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE faults (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL,               -- or *
    region TEXT,                        -- null: every region
    caller TEXT,                        -- null: every caller
    from_call INTEGER NOT NULL,         -- the first matching call that it hits, counted from 1
    times INTEGER,                      -- how many it hits; null: all that follow
    seen INTEGER NOT NULL,              -- matching calls so far
    effect TEXT NOT NULL                -- JSON
) STRICT;

CREATE TABLE rates (
    action TEXT NOT NULL,
    region TEXT NOT NULL,
    caller TEXT NOT NULL,
    full_at INTEGER NOT NULL,           -- when the allowance will be whole again
    PRIMARY KEY (action, region, caller)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    caller TEXT NOT NULL,
    service TEXT NOT NULL,
    action TEXT NOT NULL,
    region TEXT,
    params TEXT NOT NULL,
    code TEXT,                          -- the error code; null: success
    fate TEXT NOT NULL,                 -- what became of request and answer on the way
    request_id TEXT NOT NULL
) STRICT;

CREATE TABLE peaks (
    owner TEXT NOT NULL,
    region TEXT NOT NULL,
    images INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE exports (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    owner TEXT NOT NULL,
    image TEXT NOT NULL,
    ready_at INTEGER NOT NULL
) STRICT;
