-- Bodies of half a kilobyte and more are packed where that saves room (store/body.rs); older ones stay as they are.
ALTER TABLE body ADD COLUMN unpacked INTEGER; -- length of the text that `bytes` is packed from; NULL: `bytes` is the text

-- Only what a count of all prompts leaves out, so that registering does not move an entry of it.
DROP INDEX prompt_count;
CREATE INDEX prompt_count ON prompt(archived, latest) WHERE archived = 1 OR latest = 0;

DROP TRIGGER body_fixed;
CREATE TRIGGER body_fixed BEFORE UPDATE ON body
    WHEN NOT (NEW.digest IS OLD.digest AND NEW.id IS OLD.id AND NEW.forgotten = 1 AND NEW.bytes = x'' AND NEW.unpacked IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a body cannot be changed'); END;
