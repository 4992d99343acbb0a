-- What this database was about to do when it was saved may have been done since: nothing of it is done again. The numbers
-- of rows and deliveries go on far beyond those given since, so that no name that is out in the world means two things.

CREATE TEMP TABLE clock AS
SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now,
       (SELECT coalesce(max(seq), 0) + 1000000000 FROM log) AS first;

-- Messages whose answer was owed, and deliveries that were waiting or on their way. A chat is told, a webhook is not.
CREATE TEMP TABLE doubtful (n INTEGER PRIMARY KEY, chat INTEGER, seq INTEGER, state TEXT, told INTEGER);
INSERT INTO doubtful (chat, seq, state, told)
SELECT e.chat, e.seq, 'dead_letter', 1
FROM members AS m JOIN readers AS r ON r.id = m.reader AND r.door = 'run'
JOIN log AS e ON e.chat = m.chat AND e.seq > m.handed AND e.seq <= m.waking AND e.wakes
WHERE m.waking > m.handed ORDER BY e.seq;
INSERT INTO doubtful (chat, seq, state, told)
SELECT chat, seq, 'unknown', NOT EXISTS (SELECT 1 FROM readers WHERE id = owner)
FROM outbox WHERE state IN ('queued', 'custody') ORDER BY id;

UPDATE members SET handed = waking
WHERE waking > handed AND reader IN (SELECT id FROM readers WHERE door = 'run');
INSERT INTO members (chat, reader, handed)
SELECT chat, owner, max(seq) FROM outbox
WHERE state IN ('queued', 'custody') AND owner IN (SELECT id FROM readers WHERE kind = 'mailbox') GROUP BY chat, owner
ON CONFLICT (chat, reader) DO UPDATE SET handed = max(handed, excluded.handed);
UPDATE turns SET state = 'lost' WHERE state = 'claimed';
UPDATE outbox SET state = 'unknown', reason = 'restored from a backup', due = NULL, since = (SELECT now FROM clock)
WHERE state IN ('queued', 'custody');
UPDATE lanes SET state = 'asleep', holder = NULL, until = 0, done = CASE kind WHEN 'link' THEN done ELSE wanted END, attempts = 0;

-- The first row is no chat's: it stands for those that are missing.
INSERT INTO log (seq, account, chat, kind, author, out, wakes, late, at, target, body)
SELECT first, 0, 0, 'outcome', '{"by":"system"}', 0, 0, 0, now, NULL,
  json_object('kind', 'outcome', 'of', 0, 'state', 'unknown', 'reason', 'restored from a backup')
FROM clock
UNION ALL
SELECT first + n, c.account, c.id, 'outcome', '{"by":"system"}', 0, 0, 0, now, d.seq,
  json_object('kind', 'outcome', 'of', d.seq, 'state', d.state, 'reason', 'restored from a backup')
FROM clock, doubtful AS d JOIN chats AS c ON c.id = d.chat WHERE d.told;
UPDATE chats SET head = (SELECT max(seq) FROM log WHERE chat = chats.id)
WHERE id IN (SELECT chat FROM doubtful WHERE told);
INSERT INTO sqlite_sequence (name, seq)
SELECT 'outbox', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox');
UPDATE sqlite_sequence SET seq = seq + 1000000000 WHERE name = 'outbox';
