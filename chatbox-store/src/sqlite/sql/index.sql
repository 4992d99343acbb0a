-- The next ?1 rows of the log into the search index: the words of messages, and of what took their place.
BEGIN IMMEDIATE;
DELETE FROM indexing;
INSERT INTO indexing (seq)
SELECT DISTINCT iif(kind = 'message', seq, target) FROM (
  SELECT seq, kind, target FROM log
  WHERE seq > (SELECT seq FROM cursors WHERE name = 'fts') ORDER BY seq LIMIT ?1)
WHERE kind = 'message' OR (kind IN ('edit', 'delete') AND target IS NOT NULL);
DELETE FROM words WHERE rowid IN (SELECT seq FROM indexing);
INSERT INTO words (rowid, text)
SELECT shown.seq, coalesce(body.body ->> '$.text', body.body ->> '$.content.text')
FROM indexing AS n JOIN log AS shown ON shown.seq = n.seq AND shown.kind = 'message'
JOIN log AS body ON body.seq = coalesce(shown.cur_seq, shown.seq) AND body.kind <> 'delete';
UPDATE cursors SET seq = coalesce((
  SELECT max(seq) FROM (SELECT seq FROM log WHERE seq > cursors.seq ORDER BY seq LIMIT ?1)), seq)
WHERE name = 'fts';
SELECT (SELECT max(seq) FROM log) - seq FROM cursors WHERE name = 'fts';
COMMIT;
