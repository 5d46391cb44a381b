-- Batches of a run at its endpoint. A row stands before anything is uploaded, and the batch's id before it is polled, so
-- that nothing is sent twice. What was sent is fixed; how it stands moves.

CREATE TABLE run_batch (
    id         INTEGER PRIMARY KEY,
    run_id     TEXT NOT NULL REFERENCES run(id),
    token      TEXT NOT NULL UNIQUE,           -- goes along as metadata: a batch whose answer was lost is found by it
    keys       TEXT NOT NULL,                  -- JSON list of [item, criterion, repeat]
    rung       TEXT NOT NULL,                  -- how the replies' form was asked for
    input      BLOB NOT NULL,                  -- digest of the lines
    since      INTEGER NOT NULL,               -- verdicts of the run when it was made: later ones may be its own
    created_at TEXT NOT NULL,
    row_digest BLOB NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('planned', 'creating', 'sent', 'settled', 'dropped')),
    file_id    TEXT,
    batch_id   TEXT,
    status     TEXT NOT NULL DEFAULT ''        -- as the endpoint last told it
) STRICT;
CREATE INDEX run_batch_run ON run_batch(run_id, id);

CREATE TRIGGER run_batch_fixed BEFORE UPDATE OF id, run_id, token, keys, rung, input, since, created_at, row_digest ON run_batch
    BEGIN SELECT RAISE(ABORT, 'what was sent in a batch cannot be changed'); END;
CREATE TRIGGER run_batch_kept BEFORE DELETE ON run_batch BEGIN SELECT RAISE(ABORT, 'a batch cannot be removed'); END;
