-- Hand-outs that were taken, which is how most end: all of a batch at once, one statement for each thing that follows from
-- them. No delivery is there twice; everything else that is decided about a delivery is settle.sql's.
CREATE TEMP TABLE handed (
  i          INTEGER PRIMARY KEY,
  now        INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  key        TEXT NOT NULL,
  fence      INTEGER NOT NULL,
  lane       INTEGER,                  -- the lane's row, if it is held under the fence
  delivery   INTEGER,                  -- the delivery, if it is one of the lane's and not decided yet
  chat       INTEGER,
  seq        INTEGER,
  left_over  INTEGER
);

CREATE TEMP VIEW handing AS SELECT '' AS batch;

CREATE TEMP TRIGGER hand_over INSTEAD OF INSERT ON handing BEGIN
  DELETE FROM handed;
  INSERT INTO handed (i, now, owner, key, fence, lane, delivery, chat, seq)
  SELECT h.i, h.now, h.owner, h.key, h.fence, l.rowid, o.id, o.chat, o.seq
  FROM (
    SELECT key AS i, clock.now, value ->> '$.lane.owner' AS owner, value ->> '$.lane.key' AS key, value ->> 'fence' AS fence,
      value ->> 'delivery' AS delivery
    FROM (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now) AS clock CROSS JOIN jsonb_each(NEW.batch)) AS h
  LEFT JOIN lanes AS l ON l.kind = 'push' AND l.owner = h.owner AND l.key = h.key AND l.state = 'busy' AND l.fence = h.fence
  LEFT JOIN outbox AS o ON o.id = h.delivery AND o.owner = h.owner AND o.key = h.key AND o.state IN ('queued', 'custody')
    AND l.rowid IS NOT NULL;

  UPDATE outbox SET state = 'delivered', fence = h.fence, since = h.now, receipt = '{"message":null}', message = NULL, reason = NULL
  FROM handed AS h WHERE outbox.id = h.delivery;
  INSERT INTO members (chat, reader, handed)
  SELECT chat, owner, max(seq) FROM handed WHERE delivery IS NOT NULL AND key <> 'events' GROUP BY chat, owner
  ON CONFLICT (chat, reader) DO UPDATE SET handed = max(handed, excluded.handed);
  UPDATE readers SET fails = 0 WHERE fails > 0 AND id IN (SELECT owner FROM handed WHERE delivery IS NOT NULL);

  UPDATE handed SET left_over = EXISTS (
    SELECT 1 FROM outbox WHERE owner = handed.owner AND key = handed.key AND state IN ('queued', 'custody'))
  WHERE delivery IS NOT NULL;
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0
  FROM handed AS h WHERE lanes.rowid = h.lane AND NOT h.left_over;
END;

-- What became of them, in their order.
CREATE TEMP VIEW handed_over AS
SELECT json_group_array(json(CASE
  WHEN lane IS NULL THEN '{"outcome":"fenced"}'
  -- After the last of its lane nobody holds it any more.
  WHEN delivery IS NULL THEN iif(
    EXISTS (SELECT 1 FROM handed AS h WHERE h.lane = handed.lane AND NOT h.left_over)
      AND NOT EXISTS (SELECT 1 FROM handed AS h WHERE h.lane = handed.lane AND h.delivery IS NOT NULL AND h.i > handed.i),
    '{"outcome":"fenced"}', '{"outcome":"stale"}')
  ELSE json_object('outcome', 'done', 'done', 'settled',
    'more', json(iif(left_over OR EXISTS (
      SELECT 1 FROM handed AS h WHERE h.lane = handed.lane AND h.delivery IS NOT NULL AND h.i > handed.i), 'true', 'false')),
    'paused', json(iif(EXISTS (SELECT 1 FROM readers WHERE id = owner AND status <> 'active'), 'true', 'false')))
  END) ORDER BY i) AS outcomes
FROM handed;
