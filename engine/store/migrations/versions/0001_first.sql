-- The first schema of lianxin on PostgreSQL. Never edited once released: what comes later is another file.

CREATE TABLE about (
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE "case" (
    number BIGINT NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    workflow TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    updated_at TEXT COLLATE "C" NOT NULL,
    state_json BYTEA NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (case_id)
) WITH (fillfactor = 50);

CREATE TABLE dead_letter (
    number BIGSERIAL NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    row BIGINT NOT NULL,
    received_at TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX dead_letter_message ON dead_letter (source, id);
CREATE INDEX dead_letter_open ON dead_letter (number) WHERE state = 'open';

CREATE TABLE deadline (
    number BIGINT NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    track_id TEXT COLLATE "C" NOT NULL,
    deadline TEXT COLLATE "C" NOT NULL,
    run BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    started_at TEXT COLLATE "C" NOT NULL,
    due_at TEXT COLLATE "C" NOT NULL,
    due_raw_at TEXT COLLATE "C" NOT NULL,
    next_rung_at TEXT COLLATE "C" NOT NULL,
    missed_at TEXT COLLATE "C" NOT NULL,
    provisional BIGINT NOT NULL,
    PRIMARY KEY (number, key)
) WITH (fillfactor = 70);
CREATE INDEX deadline_running ON deadline (due_at, number) WHERE status = 'running';
CREATE INDEX deadline_due ON deadline (next_rung_at, case_id) WHERE next_rung_at <> '';

CREATE TABLE edition (
    digest TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE followup (
    number BIGINT NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    track_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    open BIGINT NOT NULL,
    due_at TEXT COLLATE "C",
    PRIMARY KEY (number, track_id)
);
CREATE INDEX followup_due ON followup (due_at) WHERE open = 1;

CREATE TABLE inbox (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    outcome BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (source, id)
);

CREATE TABLE incident (
    position BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    facts BYTEA NOT NULL,
    opened_at TEXT COLLATE "C" NOT NULL,
    closed_at TEXT COLLATE "C",
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX incident_open ON incident (case_id) WHERE closed_at IS NULL;

CREATE TABLE lease (
    name TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    until TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE letter (
    number BIGINT NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    letter_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    organisation TEXT COLLATE "C" NOT NULL,
    mark TEXT COLLATE "C" NOT NULL,
    year BIGINT,
    serial BIGINT,
    recipient TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    open BIGINT NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    drafted_at TEXT COLLATE "C" NOT NULL,
    signed_at TEXT COLLATE "C",
    delivered_at TEXT COLLATE "C",
    reply_due_at TEXT COLLATE "C",
    PRIMARY KEY (number, letter_id)
);
CREATE UNIQUE INDEX letter_series ON letter (organisation, kind, year, serial) WHERE serial IS NOT NULL;

CREATE TABLE letter_number (
    organisation TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    year BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (organisation, kind, year)
);

CREATE TABLE log (
    position BIGINT NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT,
    type TEXT COLLATE "C" NOT NULL,
    reacts BIGINT NOT NULL,
    body BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (number, version)
);
CREATE INDEX log_reacts ON log (position) WHERE reacts = 1;

CREATE TABLE "offset" (
    "group" TEXT COLLATE "C" NOT NULL,
    partition TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY ("group", partition)
);

CREATE TABLE parked (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    occurred_at TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    needs TEXT COLLATE "C" NOT NULL,
    parked_at TEXT COLLATE "C" NOT NULL,
    give_up_at TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    UNIQUE (source, id)
);
CREATE INDEX parked_case ON parked (case_id, occurred_at, sequence, source, id);
CREATE INDEX parked_give_up ON parked (give_up_at);

CREATE TABLE tally (
    unit TEXT COLLATE "C" NOT NULL,
    month TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (unit, month, what)
);

CREATE TABLE vault (
    case_id TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    ref BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (case_id, person, field, ref)
);

CREATE TABLE vault_key (
    case_id TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (case_id, person)
);

CREATE TABLE watermark (
    partition TEXT COLLATE "C" NOT NULL,
    instant TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partition)
);


-- What a worker says of itself: the newest kind of record its code can read. Nothing newer is written while it lives.
CREATE TABLE reading (
    worker TEXT COLLATE "C" NOT NULL,
    level BIGINT NOT NULL,
    until TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (worker)
);

CREATE FUNCTION lianxin_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append only' USING ERRCODE = 'LXA01';
END $$;

CREATE TRIGGER log_no_update BEFORE UPDATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION lianxin_log_is_append_only();
CREATE TRIGGER log_no_delete BEFORE DELETE OR TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION lianxin_log_is_append_only();

-- A place among the records of the transaction at hand, counted from 2^62, becomes a position once `first` is known.
CREATE FUNCTION lianxin_place_v1(place BIGINT, first BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN place >= 4611686018427387904 THEN place - 4611686018427387904 + first ELSE place END
$$;

-- Take the append lock. Who waits more than 3 s for one and the same transaction ends its connection.
CREATE FUNCTION lianxin_lock_v1() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    holder TEXT;
    holder_before TEXT;
    holder_pid INTEGER;
    looks_at_holder INTEGER := 0;
BEGIN
    IF pg_try_advisory_xact_lock(2026) THEN
        RETURN;  -- nobody holds it and nobody waits
    END IF;
    PERFORM set_config('lock_timeout', '1s', true);
    FOR look IN 1..30 LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(2026);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
        PERFORM pg_stat_clear_snapshot();
        SELECT l.pid, concat_ws('/', l.pid, a.backend_start, a.backend_xid, a.query_start) INTO holder_pid, holder
            FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = 2026 AND l.objsubid = 1 AND l.granted
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
        looks_at_holder := CASE WHEN holder = holder_before THEN looks_at_holder + 1 ELSE 1 END;
        holder_before := holder;
        IF looks_at_holder >= 3 THEN
            BEGIN
                PERFORM pg_terminate_backend(holder_pid, 1000);
            EXCEPTION WHEN insufficient_privilege THEN
                NULL;  -- somebody's own session, not a worker's: it must let go by itself
            END;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the append lock is held by another session' USING ERRCODE = 'lock_not_available';
END $$;

-- Be the only one who decides on these (cases, series of numbers) just now, if that does not take long. A courtesy that
-- spares deciding twice; what is right is checked under the append lock.
CREATE FUNCTION lianxin_turn_v1(keys TEXT[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted TEXT;
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    FOREACH wanted IN ARRAY keys LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(2026, hashtext(wanted));
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN;
        END;
    END LOOP;
END $$;

-- Append what lies in the session's lianxin_stage, all of it or nothing. Returns the position of the first record.
--     counts         how many rows of which kind are staged
--     head           the end of the log the writer counted on; NULL where it did not
--     level          the newest kind of record among them
-- LXM01 moved: decide again (detail: cases, messages, series, head) · LXF01 another worker has the partition ·
-- LXL01 a live worker could not read it · LXS01 a settled message was to be settled again
CREATE FUNCTION lianxin_append_v1(counts JSONB, head BIGINT, level BIGINT) RETURNS BIGINT LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    first BIGINT;
    done BIGINT;
    cases TEXT[];
    messages TEXT[];
    series TEXT[];
    text_now TEXT;
BEGIN
    PERFORM lianxin_lock_v1();

    -- 1. Several versions of the code: nothing that a live worker cannot read.
    IF level > 1 THEN
        text_now := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
        IF EXISTS (SELECT FROM reading r WHERE r.until > text_now AND r.level < lianxin_append_v1.level) THEN
            RAISE EXCEPTION 'a worker cannot read this yet' USING ERRCODE = 'LXL01';
        END IF;
    END IF;

    -- 2. The fence: only who holds a partition's epoch moves its offset.
    IF counts ? 'offset' THEN
        UPDATE "offset" o SET next = lianxin_stage.i2 FROM lianxin_stage
            WHERE kind = 'offset' AND o."group" = t1 AND o.partition = t2 AND o.epoch = i1 AND o.next = i3;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> (counts ->> 'offset')::BIGINT THEN
            RAISE EXCEPTION 'stale epoch' USING ERRCODE = 'LXF01', DETAIL = (
                SELECT json_build_array(t1, t2, i1, i3) FROM lianxin_stage s
                WHERE kind = 'offset' AND NOT EXISTS (
                    SELECT FROM "offset" o
                    WHERE o."group" = t1 AND o.partition = t2 AND o.epoch = i1 AND o.next = s.i2
                ) LIMIT 1);
        END IF;
    END IF;

    -- 3. What has happened since the writer looked?
    SELECT array_agg(t1 || ' ' || t2) INTO messages FROM lianxin_stage
        WHERE kind = 'inbox' AND i3 = 1
        AND EXISTS (SELECT FROM inbox WHERE inbox.source = t1 AND inbox.id = t2);
    SELECT array_agg(s.t1) INTO cases
        FROM lianxin_stage s LEFT JOIN "case" c ON c.case_id = s.t1
        WHERE kind IN ('case', 'read') AND coalesce(c.version, 0) <> s.i3;
    IF counts ? 'parked_seen' OR EXISTS (SELECT FROM parked) THEN
        cases := cases || ARRAY(
            SELECT p.case_id FROM lianxin_stage s JOIN parked p ON p.case_id = s.t1
            WHERE s.kind IN ('case', 'read') AND s.i4 = 1 AND NOT EXISTS (
                SELECT FROM lianxin_stage k WHERE k.kind = 'parked_seen' AND k.t1 = p.source AND k.t2 = p.id));
        cases := cases || ARRAY(
            SELECT s.t3 FROM lianxin_stage s
            WHERE s.kind = 'parked_seen'
            AND NOT EXISTS (SELECT FROM parked p WHERE p.source = s.t1 AND p.id = s.t2 AND p.attempts = s.i1));
    END IF;
    IF counts ? 'key_used' THEN
        cases := cases || ARRAY(
            SELECT s.t1 FROM lianxin_stage s WHERE s.kind = 'key_used' AND NOT EXISTS (
                SELECT FROM vault_key v WHERE v.case_id = s.t1 AND v.person = s.t2 AND v.wrapped = s.b1));
    END IF;
    IF counts ? 'vault_key' THEN
        cases := cases || ARRAY(
            SELECT s.t1 FROM lianxin_stage s WHERE s.kind = 'vault_key' AND EXISTS (
                SELECT FROM vault_key v WHERE v.case_id = s.t1 AND v.person = s.t2));
    END IF;
    IF counts ? 'letter_number' THEN
        SELECT array_agg(concat_ws('/', s.t1, s.t2, s.i1)) INTO series
            FROM lianxin_stage s
            LEFT JOIN letter_number n ON n.organisation = s.t1 AND n.kind = s.t2 AND n.year = s.i1
            WHERE s.kind = 'letter_number' AND coalesce(n.last, 0) <> s.i3;
    END IF;
    SELECT coalesce(max(position), 0) + 1 INTO first FROM log;
    IF cardinality(cases) > 0 OR cardinality(messages) > 0 OR cardinality(series) > 0 OR head <> first - 1 THEN
        RAISE EXCEPTION 'moved' USING ERRCODE = 'LXM01', DETAIL = json_build_object(
            'cases', coalesce(cases, '{}'), 'messages', cardinality(messages), 'series', coalesce(series, '{}'),
            'head', coalesce(head <> first - 1, false));
    END IF;

    -- 4. Log, inbox, cases, numbers, deadlines, views, the rest.
    INSERT INTO log (position, number, version, type, reacts, body, digest)
        SELECT lianxin_place_v1(i1, first), lianxin_place_v1(i2, first), i3, t1, i4, b1, b2
        FROM lianxin_stage WHERE kind = 'log';
    IF counts ? 'inbox' THEN
        INSERT INTO inbox (source, id, digest, outcome, position)
            SELECT t1, t2, b1, i1, lianxin_place_v1(i2, first) FROM lianxin_stage WHERE kind = 'inbox'
            ON CONFLICT (source, id) DO UPDATE
            SET digest = excluded.digest, outcome = excluded.outcome, position = excluded.position
            WHERE inbox.outcome IN (3, 4);  -- parked, dead letter: these may still come to another end
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> (counts ->> 'inbox')::BIGINT THEN
            RAISE EXCEPTION 'a settled message was to be settled again' USING ERRCODE = 'LXS01';
        END IF;
    END IF;
    IF counts ? 'case' THEN
        UPDATE "case" c SET workflow = t2, version = i2, digest = b1, phase = t3, state = t4, unit = t5,
                updated_at = t6, state_json = b2
            FROM lianxin_stage WHERE kind = 'case' AND i3 > 0 AND c.number = i1;
        INSERT INTO "case" (number, case_id, workflow, version, digest, phase, state, unit, updated_at, state_json)
            SELECT lianxin_place_v1(i1, first), t1, t2, i2, b1, t3, t4, t5, t6, b2
            FROM lianxin_stage WHERE kind = 'case' AND i3 = 0;
    END IF;
    IF counts ? 'letter_number' THEN
        INSERT INTO letter_number (organisation, kind, year, last)
            SELECT t1, t2, i1, i2 FROM lianxin_stage WHERE lianxin_stage.kind = 'letter_number'
            ON CONFLICT (organisation, kind, year) DO UPDATE SET last = excluded.last;
    END IF;
    IF counts ? 'deadline' THEN
        INSERT INTO deadline (number, case_id, key, track_id, deadline, run, status, owner, started_at, due_at,
                due_raw_at, next_rung_at, missed_at, provisional)
            SELECT lianxin_place_v1(i1, first), t1, t2, t3, t4, i2, t5, t6, t7, t8, t9, t10, t11, i3
            FROM lianxin_stage WHERE kind = 'deadline'
            ON CONFLICT (number, key) DO UPDATE SET
                case_id = excluded.case_id, track_id = excluded.track_id, deadline = excluded.deadline,
                run = excluded.run, status = excluded.status, owner = excluded.owner,
                started_at = excluded.started_at, due_at = excluded.due_at, due_raw_at = excluded.due_raw_at,
                next_rung_at = excluded.next_rung_at, missed_at = excluded.missed_at,
                provisional = excluded.provisional;
    END IF;
    IF counts ? 'letter' THEN
        INSERT INTO letter (number, case_id, letter_id, kind, organisation, mark, year, serial, recipient, state, open,
                cause, drafted_at, signed_at, delivered_at, reply_due_at)
            SELECT lianxin_place_v1(i1, first), t1, t2, t3, t4, t5, i2, i3, t6, t7, i4, t8, t9, t10, t11, t12
            FROM lianxin_stage WHERE lianxin_stage.kind = 'letter'
            ON CONFLICT (number, letter_id) DO UPDATE SET
                case_id = excluded.case_id, kind = excluded.kind, organisation = excluded.organisation,
                mark = excluded.mark, year = excluded.year, serial = excluded.serial, recipient = excluded.recipient,
                state = excluded.state, open = excluded.open, cause = excluded.cause,
                drafted_at = excluded.drafted_at, signed_at = excluded.signed_at,
                delivered_at = excluded.delivered_at, reply_due_at = excluded.reply_due_at;
    END IF;
    IF counts ? 'followup' THEN
        INSERT INTO followup (number, case_id, track_id, state, open, due_at)
            SELECT lianxin_place_v1(i1, first), t1, t2, t3, i2, t4 FROM lianxin_stage WHERE kind = 'followup'
            ON CONFLICT (number, track_id) DO UPDATE SET
                case_id = excluded.case_id, state = excluded.state, open = excluded.open, due_at = excluded.due_at;
    END IF;
    IF counts ? 'incident' THEN
        INSERT INTO incident (position, ordinal, case_id, code, facts, opened_at, closed_at)
            SELECT lianxin_place_v1(i1, first), i2, t1, t2, b1, t3, t4 FROM lianxin_stage WHERE kind = 'incident';
    END IF;
    IF counts ? 'incident_closed' THEN
        UPDATE incident i SET closed_at = t1 FROM lianxin_stage
            WHERE kind = 'incident_closed' AND i.position = i1 AND i.ordinal = i2;
    END IF;
    IF counts ? 'tally' THEN
        INSERT INTO tally (unit, month, what, amount)
            SELECT t1, t2, t3, i1 FROM lianxin_stage WHERE kind = 'tally'
            ON CONFLICT (unit, month, what) DO UPDATE SET amount = tally.amount + excluded.amount;
    END IF;
    IF counts ? 'erased' THEN
        DELETE FROM vault_key v USING lianxin_stage WHERE kind = 'erased' AND v.case_id = t1 AND v.person = t2;
        DELETE FROM vault v USING lianxin_stage WHERE kind = 'erased' AND v.case_id = t1 AND v.person = t2;
    END IF;
    IF counts ? 'vault_key' THEN
        INSERT INTO vault_key (case_id, person, wrapped)
            SELECT t1, t2, b1 FROM lianxin_stage WHERE kind = 'vault_key';
    END IF;
    IF counts ? 'vault' THEN
        INSERT INTO vault (case_id, person, field, ref, sealed)
            SELECT t1, t2, t3, i1, b1 FROM lianxin_stage WHERE kind = 'vault';
    END IF;
    IF counts ? 'parked' THEN
        INSERT INTO parked (source, id, case_id, occurred_at, sequence, sealed, needs, parked_at, give_up_at, attempts)
            SELECT t1, t2, t3, t4, i1, b1, t5, t6, t7, i2 FROM lianxin_stage WHERE kind = 'parked'
            ON CONFLICT (source, id) DO UPDATE SET
                case_id = excluded.case_id, occurred_at = excluded.occurred_at, sequence = excluded.sequence,
                sealed = excluded.sealed, needs = excluded.needs, parked_at = excluded.parked_at,
                give_up_at = excluded.give_up_at, attempts = excluded.attempts;
    END IF;
    IF counts ? 'unparked' THEN
        DELETE FROM parked p USING lianxin_stage WHERE kind = 'unparked' AND p.source = t1 AND p.id = t2;
    END IF;
    IF counts ? 'dead_letter' THEN
        INSERT INTO dead_letter (source, id, reason, detail, field, file, row, received_at, sealed, attempts, state)
            SELECT t1, t2, t3, t4, t5, t6, i1, t7, b1, i2, t8 FROM lianxin_stage WHERE kind = 'dead_letter';
    END IF;
    IF counts ? 'settled' THEN
        UPDATE dead_letter d SET attempts = d.attempts + CASE WHEN t1 = 'open' THEN 1 ELSE 0 END, state = t1
            FROM lianxin_stage WHERE kind = 'settled' AND d.number = i1;
    END IF;
    IF counts ? 'watermark' THEN
        INSERT INTO watermark (partition, instant) SELECT t1, t2 FROM lianxin_stage WHERE kind = 'watermark'
            ON CONFLICT (partition) DO UPDATE SET instant = greatest(watermark.instant, excluded.instant);
    END IF;
    IF counts ? 'edition' THEN
        INSERT INTO edition (digest, kind, name, content)
            SELECT t1, t2, t3, b1 FROM lianxin_stage WHERE lianxin_stage.kind = 'edition'
            ON CONFLICT (digest) DO NOTHING;
    END IF;
    RETURN first;
END $$;
