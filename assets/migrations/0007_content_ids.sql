-- Rows are named by content: what a row's digest covers of other rows is their content id, never the number of a row here
-- (store/covered.rs), so that it means the same in another registry. `named` is the id of a row whose digest is not its id:
-- one that was imported (by its origin), or one of which a text was forgotten since. `stamp` orders rows as their writers saw
-- them: higher than all that the writer knew of its kind. Numbers of rows here follow that order (store/merge.rs).
ALTER TABLE prompt ADD COLUMN nth INTEGER NOT NULL DEFAULT 0; -- how many were made under its first name before it
ALTER TABLE prompt ADD COLUMN uid BLOB;                       -- digest over first_name and nth
CREATE UNIQUE INDEX prompt_uid ON prompt(uid);
ALTER TABLE case_set ADD COLUMN uid BLOB;                     -- digest over name, digest, kind and rows
ALTER TABLE case_set ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rubric ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revision ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0; -- one more than its parent's
ALTER TABLE revision ADD COLUMN named BLOB;
ALTER TABLE event ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN named BLOB;
ALTER TABLE arm ADD COLUMN named BLOB;
ALTER TABLE response ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE response ADD COLUMN named BLOB;
ALTER TABLE review ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review ADD COLUMN named BLOB;
ALTER TABLE pair_answer ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pair_answer ADD COLUMN named BLOB;
ALTER TABLE run ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
-- A run that was continued in two registries has a chain with branches: where a verdict follows another than the one before it.
ALTER TABLE verdict ADD COLUMN place INTEGER;                 -- its number when it was written; NULL: seq
ALTER TABLE verdict ADD COLUMN previous BLOB;                 -- digest of the row it was written after; NULL: of the one before
ALTER TABLE verdict ADD COLUMN named BLOB;

DROP TRIGGER run_fixed;
CREATE TRIGGER run_fixed BEFORE UPDATE OF id, seq, created_at, spec, judge, imported, items, planned, arms, row_digest, stamp ON run
    BEGIN SELECT RAISE(ABORT, 'the plan of a run cannot be changed'); END;
DROP TRIGGER prompt_fixed;
CREATE TRIGGER prompt_fixed BEFORE UPDATE OF id, created_at, first_name, nth, uid, row_digest ON prompt
    BEGIN SELECT RAISE(ABORT, 'where a prompt comes from cannot be changed'); END;
DROP TRIGGER pair_answer_fixed;
CREATE TRIGGER pair_answer_fixed BEFORE UPDATE ON pair_answer
    WHEN NOT (NEW.id IS OLD.id AND NEW.row_digest IS OLD.row_digest AND NEW.key IS OLD.key AND NEW.state IS OLD.state
              AND NEW.choice IS OLD.choice AND NEW.explanation IS OLD.explanation AND NEW.raw_digest IS OLD.raw_digest
              AND NEW.set_id IS OLD.set_id AND NEW.case_id IS OLD.case_id AND NEW.first_arm IS OLD.first_arm
              AND NEW.second_arm IS OLD.second_arm AND NEW.first IS OLD.first AND NEW.second IS OLD.second
              AND NEW.criterion IS OLD.criterion AND NEW.criterion_version IS OLD.criterion_version
              AND NEW.judge IS OLD.judge AND NEW.fingerprint IS OLD.fingerprint AND NEW.at IS OLD.at
              AND NEW.stamp IS OLD.stamp AND NEW.named IS OLD.named AND NEW.raw = x'')
    BEGIN SELECT RAISE(ABORT, 'an answer cannot be changed'); END;

-- Who writes this file, and what other registries wrote that is in it (store/sync.rs).
CREATE TABLE replica (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    writer TEXT NOT NULL,                      -- 32 hex digits, random
    file   TEXT NOT NULL,                      -- which file it was; a copy of it is another writer
    place  TEXT                                -- where records were exchanged last
) STRICT;
CREATE TABLE record (                          -- each fact with its writer and that writer's number for it
    writer TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    id     BLOB NOT NULL,                      -- content id
    PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_id ON record(id, kind);
CREATE TABLE chain (                           -- over a writer's records up to one of them, where a pack ends
    writer TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE sealed (                          -- rows up to this number have a record
    what TEXT PRIMARY KEY,
    head INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
