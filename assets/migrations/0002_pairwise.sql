-- Pairwise answers: which of two responses a judge prefers, asked once for each order. What makes two questions the same
-- is the key; a failed answer stays, and a later one for the same key counts.

CREATE TABLE pair_answer (
    id                INTEGER PRIMARY KEY,
    key               BLOB NOT NULL,           -- digest over fingerprint, subject, both responses in their order, criterion
    set_id            INTEGER NOT NULL REFERENCES case_set(id),
    case_id           TEXT NOT NULL,
    first_arm         INTEGER NOT NULL REFERENCES arm(id), -- whose response stood first
    second_arm        INTEGER NOT NULL REFERENCES arm(id),
    first             BLOB NOT NULL,           -- digest of the response
    second            BLOB NOT NULL,
    criterion         TEXT NOT NULL,
    criterion_version BLOB NOT NULL,
    judge             TEXT NOT NULL,
    fingerprint       BLOB NOT NULL,
    state             TEXT NOT NULL,
    choice            TEXT CHECK (choice IN ('first', 'second', 'tie')),
    explanation       TEXT NOT NULL,           -- or the reason why there is no choice
    flags             TEXT NOT NULL DEFAULT '[]',
    repairs           TEXT NOT NULL DEFAULT '[]',
    rung              TEXT NOT NULL DEFAULT '',
    model_returned    TEXT,
    finish_reason     TEXT,
    prompt_tokens     INTEGER,                 -- NULL is unknown, not zero
    completion_tokens INTEGER,
    cost_usd          REAL,
    latency_ms        INTEGER NOT NULL DEFAULT 0,
    attempts          INTEGER NOT NULL DEFAULT 0,
    nonce             TEXT NOT NULL DEFAULT '',
    raw               BLOB NOT NULL,           -- the reply as it came; empty when forgotten
    raw_digest        BLOB NOT NULL,
    at                TEXT NOT NULL,
    row_digest        BLOB NOT NULL,
    CHECK ((state = 'scored') = (choice IS NOT NULL)) -- a failed answer is a state, never a winner
) STRICT;
CREATE INDEX pair_answer_key ON pair_answer(key, id);

CREATE TRIGGER pair_answer_fixed BEFORE UPDATE ON pair_answer
    WHEN NOT (NEW.id IS OLD.id AND NEW.row_digest IS OLD.row_digest AND NEW.key IS OLD.key AND NEW.state IS OLD.state
              AND NEW.choice IS OLD.choice AND NEW.explanation IS OLD.explanation AND NEW.raw_digest IS OLD.raw_digest
              AND NEW.set_id IS OLD.set_id AND NEW.case_id IS OLD.case_id AND NEW.first_arm IS OLD.first_arm
              AND NEW.second_arm IS OLD.second_arm AND NEW.first IS OLD.first AND NEW.second IS OLD.second
              AND NEW.criterion IS OLD.criterion AND NEW.criterion_version IS OLD.criterion_version
              AND NEW.judge IS OLD.judge AND NEW.fingerprint IS OLD.fingerprint AND NEW.at IS OLD.at
              AND NEW.raw = x'')
    BEGIN SELECT RAISE(ABORT, 'an answer cannot be changed'); END;
CREATE TRIGGER pair_answer_kept BEFORE DELETE ON pair_answer
    BEGIN SELECT RAISE(ABORT, 'an answer cannot be removed'); END;
