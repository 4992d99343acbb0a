-- What this database was about to do when it was saved may have been done since: nothing of it is done again. The numbers
-- of rows and deliveries go on far beyond those given since, so that no name that is out in the world means two things.

SELECT FROM head FOR UPDATE;

-- Messages whose answer was owed, and deliveries that were waiting or on their way. A chat is told, a webhook is not.
CREATE TEMP TABLE doubtful ON COMMIT DROP AS
SELECT e.chat, e.seq, 'dead_letter' AS state, true AS told
FROM readers r JOIN chats c ON c.mailbox = r.id
LEFT JOIN members m ON m.chat = c.id AND m.reader = r.id
JOIN log e ON e.chat = c.id AND e.seq > coalesce(m.handed, 0) AND e.seq <= c.woken AND e.wakes
WHERE r.door = 'run' AND c.woken > coalesce(m.handed, 0)
UNION ALL
SELECT chat, seq, 'unknown', NOT EXISTS (SELECT FROM readers WHERE id = owner)
FROM outbox WHERE state IN ('queued', 'custody');

INSERT INTO members AS m (chat, reader, account, handed)
SELECT c.id, c.mailbox, c.account, c.woken FROM chats c JOIN readers r ON r.id = c.mailbox AND r.door = 'run'
WHERE c.woken > 0
ON CONFLICT (chat, reader) DO UPDATE SET handed = greatest(m.handed, excluded.handed);
UPDATE members m SET handed = greatest(m.handed, o.seq)
FROM (SELECT chat, owner, max(seq) AS seq FROM outbox WHERE state IN ('queued', 'custody') GROUP BY chat, owner) o
WHERE m.chat = o.chat AND m.reader = o.owner;
UPDATE turns SET state = 'lost' WHERE state = 'claimed';
UPDATE outbox SET state = 'unknown', reason = 'restored from a backup', due = NULL,
  since = floor(extract(epoch FROM clock_timestamp()) * 1000)
WHERE state IN ('queued', 'custody');
UPDATE lanes SET state = 'asleep', holder = NULL, until = 0, done = CASE kind WHEN 'link' THEN done ELSE wanted END, attempts = 0;

UPDATE head SET seq = seq + 1000000000, delivery = delivery + 1000000000;
SELECT chatbox_tell_v1(chat, seq, state, 'restored from a backup', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM (SELECT * FROM doubtful WHERE told ORDER BY seq) d;
