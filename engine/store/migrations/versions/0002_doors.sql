-- Keys of other systems (digests alone), and what was told under an Idempotency-Key (sealed).

CREATE TABLE api_key (
    key_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    sources TEXT COLLATE "C" NOT NULL,
    types TEXT COLLATE "C" NOT NULL,
    units TEXT COLLATE "C" NOT NULL,
    reads BIGINT NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL,
    revoked_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (key_id),
    UNIQUE (name)
);

CREATE TABLE kept_answer (
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX kept_answer_at ON kept_answer (at);
