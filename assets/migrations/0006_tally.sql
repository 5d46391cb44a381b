-- How many rows each table was given, and in which order, kept beside them (store/tally.rs): rows that somebody took out, or
-- put in with another program, are missed and named. Of reviews and the like it is kept for each run, case set and prompt.
CREATE TABLE tally (
    what  TEXT NOT NULL,                       -- the table
    scope TEXT NOT NULL,                       -- of which run, case set or prompt its rows are; '' for all
    rows  INTEGER NOT NULL,                    -- ever given
    chain BLOB,                                -- over the digests of its rows, in order; NULL where they are only counted
    PRIMARY KEY (what, scope)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tally_grows BEFORE UPDATE ON tally
    WHEN NOT (NEW.what IS OLD.what AND NEW.scope IS OLD.scope AND NEW.rows > OLD.rows)
    BEGIN SELECT RAISE(ABORT, 'a count of rows only grows'); END;
CREATE TRIGGER tally_kept BEFORE DELETE ON tally BEGIN SELECT RAISE(ABORT, 'a count of rows cannot be removed'); END;

-- Questions that are being put to a judge right now (store/claims.rs), so that two processes do not pay for one answer. A
-- claim is given back with its answer; those of a process that is gone are anybody's.
CREATE TABLE claimant (
    holder    TEXT PRIMARY KEY,                -- as in run_state
    heartbeat INTEGER NOT NULL                 -- unix seconds
) STRICT, WITHOUT ROWID;
CREATE TABLE claim (
    key    BLOB PRIMARY KEY,                   -- of the question: a verdict's cache_key, or a pair_answer's key
    holder TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_holder ON claim(holder);
