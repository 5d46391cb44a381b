-- Words of what people and judges said about versions: messages of revisions, the judge's explanations, reviewers' comments.
-- The texts stay where they are and are never changed or removed there (`forget` takes away bodies and replies, not these),
-- so each index is only ever added to, at the end of each writing transaction (store/said.rs). Not by triggers: before each
-- statement that has one FTS5 would write out what it holds, which halves the speed of an import. Newest comes first, so no
-- lengths are kept for ranks.
CREATE VIRTUAL TABLE message_fts USING fts5(message, content='revision', content_rowid='id', columnsize=0, tokenize='unicode61');
CREATE VIRTUAL TABLE explanation_fts USING fts5(explanation, content='verdict_text', content_rowid='verdict_id', columnsize=0, tokenize='unicode61');
CREATE VIRTUAL TABLE comment_fts USING fts5(comment, content='review', content_rowid='id', columnsize=0, tokenize='unicode61');

INSERT INTO message_fts (message_fts) VALUES ('rebuild');
INSERT INTO explanation_fts (explanation_fts) VALUES ('rebuild');
INSERT INTO comment_fts (comment_fts) VALUES ('rebuild');
