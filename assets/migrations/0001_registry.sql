-- The first schema. Migrations are append-only: this file never changes once it has been released.
-- Content (body, revision, case_set, case_row, arm, response, rubric, run with its items and criteria, verdict,
-- review, event) is written once, with a digest over its row; triggers refuse updates and deletes.
-- Names, tags, descriptions, labels and archive flags are projections of events.

CREATE TABLE body (           -- templates, subjects, responses: exact bytes by sha256
    id        INTEGER PRIMARY KEY,
    digest    BLOB NOT NULL UNIQUE,
    bytes     BLOB NOT NULL,  -- empty when forgotten
    forgotten INTEGER NOT NULL DEFAULT 0 CHECK (forgotten IN (0, 1))
) STRICT;

CREATE TABLE prompt (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    archived    INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    description TEXT NOT NULL DEFAULT '',
    created_at  TEXT NOT NULL,
    latest      INTEGER NOT NULL DEFAULT 0,    -- highest sequence number; the newest revision is never found by clock
    first_name  TEXT NOT NULL,                 -- the name it was made under; later ones are in its events
    row_digest  BLOB NOT NULL                  -- over first_name and created_at
) STRICT;
CREATE UNIQUE INDEX prompt_name ON prompt(name) WHERE archived = 0;
CREATE INDEX prompt_count ON prompt(archived, latest); -- how many there are, without reading them

CREATE TABLE revision (
    id              INTEGER PRIMARY KEY,
    prompt_id       INTEGER NOT NULL REFERENCES prompt(id),
    seq             INTEGER NOT NULL,
    digest          BLOB NOT NULL,
    settings_digest BLOB NOT NULL,
    kind            TEXT NOT NULL,             -- text | chat
    syntax          TEXT NOT NULL,             -- jinja | fstring | literal
    config          TEXT NOT NULL,             -- JSON object
    parent          INTEGER,                   -- sequence number
    author          TEXT,
    message         TEXT,
    created_at      TEXT NOT NULL,             -- RFC 3339, as given or the clock's
    recorded_at     TEXT NOT NULL,             -- when this registry took it in
    metadata        TEXT NOT NULL,             -- JSON object
    bytes           INTEGER NOT NULL,          -- length of the template
    origin          BLOB,                      -- key of the imported row; a row whose key is present is known
    row_digest      BLOB NOT NULL,
    UNIQUE (prompt_id, seq)
) STRICT;
CREATE INDEX revision_digest ON revision(prompt_id, digest, seq);
CREATE UNIQUE INDEX revision_origin ON revision(prompt_id, origin) WHERE origin IS NOT NULL;

CREATE TABLE revision_tag (
    revision_id INTEGER NOT NULL REFERENCES revision(id),
    tag         TEXT NOT NULL,
    PRIMARY KEY (revision_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE label (
    prompt_id INTEGER NOT NULL REFERENCES prompt(id),
    label     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (prompt_id, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE protected_label (label TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE event (          -- every change of a name, tag, label, archive flag or description; and forgettings
    id         INTEGER PRIMARY KEY,
    prompt_id  INTEGER REFERENCES prompt(id),
    at         TEXT NOT NULL,
    author     TEXT,
    reason     TEXT,
    kind       TEXT NOT NULL, -- label_set label_removed label_undone protected unprotected archived unarchived renamed copied described tagged untagged forgotten ...
    payload    TEXT NOT NULL, -- JSON object, e.g. {"label":"production","from":2,"to":3}
    row_digest BLOB NOT NULL
) STRICT;
CREATE INDEX event_prompt ON event(prompt_id, id);

-- The search index: each distinct line of a prompt once, with the revision that first held it.
CREATE TABLE line (
    id        INTEGER PRIMARY KEY,
    prompt_id INTEGER NOT NULL REFERENCES prompt(id),
    hash      INTEGER NOT NULL,                -- first 8 bytes of the line's sha256
    first_seq INTEGER NOT NULL,
    UNIQUE (prompt_id, hash)
) STRICT;
CREATE VIRTUAL TABLE line_fts USING fts5(text, tokenize='unicode61'); -- rowid = line.id

CREATE TABLE case_set (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     BLOB NOT NULL,                  -- over its rows: a set is versioned by content
    kind       TEXT NOT NULL,                  -- cases | items
    created_at TEXT NOT NULL,
    rows       INTEGER NOT NULL,
    row_digest BLOB NOT NULL,
    UNIQUE (name, digest)
) STRICT;

CREATE TABLE case_row (
    set_id  INTEGER NOT NULL REFERENCES case_set(id),
    ord     INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    payload BLOB NOT NULL,                     -- digest of the body: canonical JSON of core::item::Case
    row_digest BLOB NOT NULL,
    PRIMARY KEY (set_id, ord),
    UNIQUE (set_id, case_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE arm (            -- what produced responses
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,            -- an imported name, or NAME@rN+MODEL
    kind      TEXT NOT NULL,                   -- imported | generated
    prompt_id INTEGER REFERENCES prompt(id),
    seq       INTEGER,
    model     TEXT,
    row_digest BLOB NOT NULL
) STRICT;
CREATE INDEX arm_revision ON arm(prompt_id, seq);

CREATE TABLE response (       -- stored once, judged as often as wanted; a later row for the same key replaces a failed one
    id         INTEGER PRIMARY KEY,
    set_id     INTEGER NOT NULL REFERENCES case_set(id),
    case_id    TEXT NOT NULL,
    arm_id     INTEGER NOT NULL REFERENCES arm(id),
    repeat     INTEGER NOT NULL DEFAULT 0,
    ord        INTEGER NOT NULL,               -- order within the set
    subject    BLOB NOT NULL,                  -- digest of the body: canonical JSON of core::item::Subject
    state      TEXT NOT NULL,                  -- ok | overflow | not_generated
    text       BLOB,                           -- digest of the body, when ok
    detail     TEXT NOT NULL,                  -- JSON: usage, model returned, latency, reason
    created_at TEXT NOT NULL,
    row_digest BLOB NOT NULL
) STRICT;
CREATE INDEX response_key ON response(set_id, arm_id, case_id, repeat, id);

CREATE TABLE rubric (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     BLOB NOT NULL UNIQUE,
    json       TEXT NOT NULL,                  -- core::rubric::Rubric
    created_at TEXT NOT NULL,
    row_digest BLOB NOT NULL
) STRICT;
CREATE INDEX rubric_name ON rubric(name, id);

CREATE TABLE run (
    id          TEXT PRIMARY KEY,              -- 12 hex digits
    seq         INTEGER NOT NULL UNIQUE,       -- newest is highest
    created_at  TEXT NOT NULL,
    spec        TEXT NOT NULL,                 -- JSON of store::RunSpec: all that resume needs, never a key
    judge       TEXT NOT NULL,
    fingerprint BLOB,                          -- known once discovery has ended
    imported    INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1)),
    items       INTEGER NOT NULL,
    planned     INTEGER NOT NULL,              -- verdict keys: items x criteria x repeats
    arms        TEXT NOT NULL,                 -- JSON list of the arms' names, so that a list reads no items
    row_digest  BLOB NOT NULL                  -- over the whole plan: this row but the fingerprint, criteria, items
) STRICT;

CREATE TABLE run_state (      -- the moving part of a run: who writes it, how far it came, the head of its chain
    run_id      TEXT PRIMARY KEY REFERENCES run(id),
    state       TEXT NOT NULL CHECK (state IN ('running', 'complete', 'partial', 'stopped')),
    reason      TEXT NOT NULL DEFAULT '',      -- why it stopped
    holder      TEXT,                          -- pid@host of the writer
    heartbeat   INTEGER,                       -- unix seconds
    verdicts    INTEGER NOT NULL DEFAULT 0,    -- rows in verdict
    chain       BLOB,                          -- row digest of the last verdict
    counts      TEXT NOT NULL DEFAULT '{}',    -- newest verdict of each key by state, so that a list scans nothing
    usage       TEXT NOT NULL DEFAULT '{}',    -- JSON of store::RunUsage
    finished_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE run_criterion (
    run_id  TEXT NOT NULL REFERENCES run(id),
    ord     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    own     INTEGER NOT NULL DEFAULT 0,        -- each item brings its own question under this name
    version BLOB,                              -- NULL when own: then the version is the item's
    json    TEXT NOT NULL,                     -- core::rubric::Criterion, {} when own
    PRIMARY KEY (run_id, ord)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_item (
    run_id   TEXT NOT NULL REFERENCES run(id),
    ord      INTEGER NOT NULL,
    case_id  TEXT NOT NULL,
    arm_id   INTEGER NOT NULL REFERENCES arm(id),
    set_id   INTEGER NOT NULL REFERENCES case_set(id),
    repeat   INTEGER NOT NULL DEFAULT 0,       -- of generating, not of judging
    cluster  TEXT,
    tags     TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (run_id, ord)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_item_arm ON run_item(arm_id, run_id, ord);

CREATE TABLE verdict (
    id                INTEGER PRIMARY KEY,
    run_id            TEXT NOT NULL REFERENCES run(id),
    seq               INTEGER NOT NULL,        -- order in the run's chain
    item              INTEGER NOT NULL,        -- run_item.ord
    criterion         INTEGER NOT NULL,        -- run_criterion.ord
    repeat            INTEGER NOT NULL,
    state             TEXT NOT NULL,
    score             INTEGER CHECK (score BETWEEN 1 AND 5),
    criterion_version BLOB NOT NULL,
    fingerprint       BLOB NOT NULL,
    response          BLOB,                    -- digest of the text judged
    cache_key         BLOB,
    cached            INTEGER NOT NULL DEFAULT 0 CHECK (cached IN (0, 1)),
    rung              TEXT NOT NULL DEFAULT '',
    flags             TEXT NOT NULL DEFAULT '[]',
    repairs           TEXT NOT NULL DEFAULT '[]',
    model_returned    TEXT,
    finish_reason     TEXT,
    prompt_tokens     INTEGER,                 -- NULL is unknown, not zero
    completion_tokens INTEGER,
    cost_usd          REAL,
    latency_ms        INTEGER NOT NULL DEFAULT 0,
    attempts          INTEGER NOT NULL DEFAULT 0,
    at                TEXT NOT NULL,
    row_digest        BLOB NOT NULL,           -- over this row, its texts and the digest of the row before
    UNIQUE (run_id, seq),
    CHECK ((state = 'scored') = (score IS NOT NULL)) -- a failed verdict is a state, never a number
) STRICT;
-- All that a grid shows, so that it reads the index alone.
CREATE INDEX verdict_key ON verdict(run_id, item, criterion, repeat, seq, state, score, flags);
CREATE INDEX verdict_cache ON verdict(cache_key) WHERE cache_key IS NOT NULL AND state = 'scored';

CREATE TABLE verdict_text (   -- apart, so that a grid never loads it
    verdict_id  INTEGER PRIMARY KEY REFERENCES verdict(id),
    explanation TEXT NOT NULL,                 -- or the reason why there is no score
    evidence    TEXT NOT NULL,                 -- JSON list of quotations
    nonce       TEXT NOT NULL DEFAULT '',      -- with it the exact request is rebuilt
    raw         BLOB NOT NULL,                 -- the reply as it came; empty when forgotten
    raw_digest  BLOB NOT NULL                  -- of the reply as it came, also once it is forgotten
) STRICT;

CREATE TABLE review (
    id                INTEGER PRIMARY KEY,
    run_id            TEXT NOT NULL REFERENCES run(id),
    item              INTEGER NOT NULL,
    criterion         INTEGER NOT NULL,
    case_id           TEXT NOT NULL,
    arm_id            INTEGER NOT NULL REFERENCES arm(id),
    criterion_version BLOB NOT NULL,
    response          BLOB,
    reviewer          TEXT NOT NULL,
    score             INTEGER CHECK (score BETWEEN 1 AND 5), -- NULL: skipped, or only a comment
    comment           TEXT NOT NULL DEFAULT '',
    modes             TEXT NOT NULL DEFAULT '[]',
    saw_judge         INTEGER NOT NULL CHECK (saw_judge IN (0, 1)),
    sampling          TEXT NOT NULL CHECK (sampling IN ('random', 'picked', 'override', 'agree', 'wrong_reasons')),
    undone            INTEGER,                 -- id of the review this one takes back
    seconds           REAL,
    at                TEXT NOT NULL,
    row_digest        BLOB NOT NULL
) STRICT;
CREATE INDEX review_key ON review(run_id, item, criterion, reviewer, id);

CREATE TABLE capability (     -- what an endpoint was found to accept; a cache, may be deleted
    base_url TEXT NOT NULL,
    model    TEXT NOT NULL,
    json     TEXT NOT NULL,
    at       TEXT NOT NULL,
    PRIMARY KEY (base_url, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE draft (          -- an edit that was not registered: kept until it is, or until it is dropped
    id        INTEGER PRIMARY KEY,
    prompt    TEXT NOT NULL,
    base_seq  INTEGER,
    text      TEXT NOT NULL,
    at        TEXT NOT NULL
) STRICT;

-- Content cannot be changed or removed. `forget` empties a body's bytes; nothing else may.
CREATE TRIGGER body_fixed BEFORE UPDATE ON body
    WHEN NOT (NEW.digest IS OLD.digest AND NEW.id IS OLD.id AND NEW.forgotten = 1 AND NEW.bytes = x'')
    BEGIN SELECT RAISE(ABORT, 'a body cannot be changed'); END;
CREATE TRIGGER body_kept BEFORE DELETE ON body BEGIN SELECT RAISE(ABORT, 'a body cannot be removed'); END;
CREATE TRIGGER revision_fixed BEFORE UPDATE ON revision BEGIN SELECT RAISE(ABORT, 'a revision cannot be changed'); END;
CREATE TRIGGER revision_kept BEFORE DELETE ON revision BEGIN SELECT RAISE(ABORT, 'a revision cannot be removed'); END;
CREATE TRIGGER event_fixed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'an event cannot be changed'); END;
CREATE TRIGGER event_kept BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'an event cannot be removed'); END;
CREATE TRIGGER case_row_fixed BEFORE UPDATE ON case_row BEGIN SELECT RAISE(ABORT, 'a case cannot be changed'); END;
CREATE TRIGGER case_row_kept BEFORE DELETE ON case_row BEGIN SELECT RAISE(ABORT, 'a case cannot be removed'); END;
CREATE TRIGGER response_fixed BEFORE UPDATE ON response BEGIN SELECT RAISE(ABORT, 'a response cannot be changed'); END;
CREATE TRIGGER response_kept BEFORE DELETE ON response BEGIN SELECT RAISE(ABORT, 'a response cannot be removed'); END;
CREATE TRIGGER verdict_fixed BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'a verdict cannot be changed'); END;
CREATE TRIGGER verdict_kept BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'a verdict cannot be removed'); END;
CREATE TRIGGER verdict_text_fixed BEFORE UPDATE ON verdict_text
    WHEN NOT (NEW.verdict_id IS OLD.verdict_id AND NEW.explanation IS OLD.explanation AND NEW.evidence IS OLD.evidence
              AND NEW.nonce IS OLD.nonce AND NEW.raw_digest IS OLD.raw_digest AND NEW.raw = x'')
    BEGIN SELECT RAISE(ABORT, 'a verdict cannot be changed'); END;
CREATE TRIGGER verdict_text_kept BEFORE DELETE ON verdict_text BEGIN SELECT RAISE(ABORT, 'a verdict cannot be removed'); END;
CREATE TRIGGER review_fixed BEFORE UPDATE ON review BEGIN SELECT RAISE(ABORT, 'a review cannot be changed'); END;
CREATE TRIGGER review_kept BEFORE DELETE ON review BEGIN SELECT RAISE(ABORT, 'a review cannot be removed'); END;
CREATE TRIGGER run_fixed BEFORE UPDATE OF id, seq, created_at, spec, judge, imported, items, planned, arms, row_digest ON run
    BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be changed'); END;
CREATE TRIGGER run_kept BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'a run cannot be removed'); END;
CREATE TRIGGER case_set_fixed BEFORE UPDATE ON case_set BEGIN SELECT RAISE(ABORT, 'a case set cannot be changed'); END;
CREATE TRIGGER case_set_kept BEFORE DELETE ON case_set BEGIN SELECT RAISE(ABORT, 'a case set cannot be removed'); END;
CREATE TRIGGER arm_fixed BEFORE UPDATE ON arm BEGIN SELECT RAISE(ABORT, 'an arm cannot be changed'); END;
CREATE TRIGGER arm_kept BEFORE DELETE ON arm BEGIN SELECT RAISE(ABORT, 'an arm cannot be removed'); END;
CREATE TRIGGER rubric_fixed BEFORE UPDATE ON rubric BEGIN SELECT RAISE(ABORT, 'a version of a rubric cannot be changed'); END;
CREATE TRIGGER rubric_kept BEFORE DELETE ON rubric BEGIN SELECT RAISE(ABORT, 'a version of a rubric cannot be removed'); END;
CREATE TRIGGER run_item_fixed BEFORE UPDATE ON run_item BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be changed'); END;
CREATE TRIGGER run_item_kept BEFORE DELETE ON run_item BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be removed'); END;
CREATE TRIGGER run_criterion_fixed BEFORE UPDATE ON run_criterion BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be changed'); END;
CREATE TRIGGER run_criterion_kept BEFORE DELETE ON run_criterion BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be removed'); END;
CREATE TRIGGER prompt_fixed BEFORE UPDATE OF id, created_at, first_name, row_digest ON prompt
    BEGIN SELECT RAISE(ABORT, 'where a prompt comes from cannot be changed'); END;
CREATE TRIGGER prompt_kept BEFORE DELETE ON prompt BEGIN SELECT RAISE(ABORT, 'a prompt cannot be removed'); END;
