-- What becomes of arrivals. Inserting a batch here does it: one statement for each thing that follows from them, and all of
-- them part of that one, which is a transaction by itself.
CREATE TEMP VIEW arriving AS SELECT '' AS batch;

CREATE TEMP TRIGGER arrive INSTEAD OF INSERT ON arriving BEGIN
  DELETE FROM arrivals;
  DELETE FROM known;
  DELETE FROM fresh;
  DELETE FROM claims;
  DELETE FROM hand_outs;
  DELETE FROM hand_claims;

  INSERT INTO arrivals (
    i, now, connection, rev, fence, event_id, handle, chat_kind, chat_name, sender, author, body_kind, raw, about, late, grp,
    files, wake_at, cursor, worker, lease, hand, hand_worker, hand_lease, first, body
  )
  SELECT
    key, clock.now, value ->> 'connection', value ->> 'rev', value ->> 'fence', value ->> 'event_id', value ->> 'handle',
    value ->> 'chat_kind', value ->> 'chat_name', value ->> 'sender', value ->> 'author', value ->> 'body_kind',
    value ->> 'raw', value ->> 'about', value ->> 'late', value ->> 'grp', value ->> 'files',
    clock.now + (value ->> 'wake_ms'), value ->> 'cursor', value ->> 'worker', value ->> 'lease', value ->> 'hand',
    value ->> 'hand_worker', value ->> 'hand_lease', value ->> 'first', value ->> 'body'
  FROM (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now) AS clock CROSS JOIN jsonb_each(NEW.batch);

  -- What they were decided on. Who is not known afterwards is fenced or stale.
  INSERT INTO known (i, account, mailbox, door, scope, focal, dup, chat, session, name)
  SELECT a.i, r.account, r.id, r.door, r.scope, r.focal,
    (SELECT seq FROM log WHERE connection = a.connection AND event_id = a.event_id), h.id, h.session, h.name
  FROM arrivals AS a
  CROSS JOIN connections AS c ON c.id = a.connection AND c.status = 'active' AND c.policy_rev = coalesce(a.rev, c.policy_rev)
    AND c.fence = coalesce(a.fence, c.fence)
  CROSS JOIN readers AS r ON r.id = c.reader
  LEFT JOIN chats AS h ON h.connection = a.connection AND h.handle = a.handle;

  -- The platform goes on after a repetition too. Of several places the last one counts.
  INSERT INTO resumes (connection, cursor)
  SELECT connection, cursor FROM (
    SELECT a.connection, a.cursor, max(a.i) FROM arrivals AS a JOIN known AS k ON k.i = a.i
    WHERE a.cursor IS NOT NULL GROUP BY a.connection)
  WHERE true
  ON CONFLICT (connection) DO UPDATE SET cursor = excluded.cursor;

  INSERT INTO newcomers (i, connection, handle, kind, name, sender)
  SELECT i, connection, handle, chat_kind, chat_name, sender FROM (
    SELECT min(k.i) AS i, a.connection, a.handle, a.chat_kind, a.chat_name, a.sender
    FROM known AS k CROSS JOIN arrivals AS a ON a.i = k.i
    WHERE k.chat IS NULL AND k.dup IS NULL AND a.first IS NULL AND a.rev IS NOT NULL
    GROUP BY a.connection, a.handle)
  ORDER BY i;
  UPDATE known SET (chat, session, name) = (
    SELECT h.id, h.session, h.name FROM arrivals AS a JOIN chats AS h ON h.connection = a.connection AND h.handle = a.handle
    WHERE a.i = known.i)
  WHERE chat IS NULL AND dup IS NULL;

  INSERT INTO fresh (i, seq, prev, now, chat, mailbox, about, focal, hand, wake_at, lane, worker, lease)
  SELECT
    i, seq, coalesce(lag(seq) OVER (PARTITION BY chat ORDER BY seq), (SELECT head FROM chats WHERE id = chat)),
    now, chat, mailbox, about, focal, hand, wake_at, lane, worker, lease
  FROM (
    SELECT
      k.i, (SELECT coalesce(max(seq), 0) FROM log) + row_number() OVER (ORDER BY k.i) AS seq, a.now, k.chat, k.mailbox,
      a.about, k.focal IS k.chat AS focal, iif(k.door = 'push', a.hand, NULL) AS hand, a.wake_at,
      iif(k.door = 'push', a.hand_worker, a.worker) AS worker, iif(k.door = 'push', a.hand_lease, a.lease) AS lease,
      CASE WHEN a.wake_at IS NULL OR k.door <> 'run' THEN NULL
        WHEN k.scope = 'mailbox' THEN 'mailbox'
        WHEN k.scope = 'session' THEN 'session/' || k.session
        ELSE 'chat/' || k.chat END AS lane
    FROM known AS k CROSS JOIN arrivals AS a ON a.i = k.i
    WHERE k.dup IS NULL AND a.first IS NULL AND a.rev IS NOT NULL);

  INSERT INTO log (seq, account, chat, kind, author, out, wakes, late, at, connection, event_id, grp, pending, body)
  SELECT f.seq, k.account, f.chat, a.body_kind, a.author, 0, f.wake_at IS NOT NULL, a.late, a.now, a.connection,
         a.event_id, a.grp, a.files, a.body
  FROM fresh AS f CROSS JOIN arrivals AS a ON a.i = f.i CROSS JOIN known AS k ON k.i = f.i;
  INSERT INTO raws (seq, raw)
  SELECT f.seq, a.raw FROM arrivals AS a CROSS JOIN fresh AS f ON f.i = a.i WHERE a.raw IS NOT NULL;

  -- What they are about, which may have come just before them.
  UPDATE log SET target = coalesce(
    (SELECT t.seq FROM log AS t WHERE t.connection = log.connection AND t.event_id = f.about AND t.seq < log.seq),
    (SELECT seq FROM outbox WHERE owner = log.connection AND message = f.about ORDER BY id LIMIT 1))
  FROM fresh AS f WHERE f.seq = log.seq AND f.about IS NOT NULL;
  INSERT INTO revisions (target, newest)
  SELECT l.target, l.seq FROM fresh AS f CROSS JOIN log AS l ON l.seq = f.seq
  WHERE f.about IS NOT NULL AND l.target IS NOT NULL AND l.kind IN ('edit', 'delete')
  ORDER BY f.i;

  UPDATE chats SET head = f.seq FROM (SELECT chat, max(seq) AS seq FROM fresh GROUP BY chat) AS f WHERE f.chat = chats.id;
  -- A row of the focal chat is consumed as it comes.
  UPDATE members SET
    waking = coalesce(f.waking, members.waking), seen = iif(f.focal, max(members.seen, f.seq), members.seen)
  FROM (
    SELECT chat, mailbox, max(focal) AS focal, max(seq) AS seq, max(iif(wake_at IS NULL, NULL, seq)) AS waking
    FROM fresh WHERE wake_at IS NOT NULL OR focal GROUP BY chat, mailbox) AS f
  WHERE members.chat = f.chat AND members.reader = f.mailbox;

  INSERT INTO happenings (now, kind, mailbox, chat, connection, seq)
  SELECT f.now, 'new_chat', f.mailbox, f.chat, a.connection, f.seq
  FROM known AS k JOIN fresh AS f ON f.i = k.i JOIN arrivals AS a ON a.i = k.i WHERE k.new_chat ORDER BY k.i;

  -- A mailbox that is pushed is handed the row, unless it does not want to hear of the chat.
  INSERT INTO outbox (seq, part, owner, key, chat, class, expires, at, since, verb)
  SELECT f.seq, 0, f.mailbox, 'chat/' || f.chat, f.chat, 'idempotent', f.now + f.hand, f.now, f.now,
         iif(f.focal, '{"focal":true}', '{"focal":false}')
  FROM fresh AS f JOIN members AS m ON m.chat = f.chat AND m.reader = f.mailbox AND NOT m.muted
  WHERE f.hand IS NOT NULL ORDER BY f.i;
  INSERT INTO hand_outs (i, id, owner, key, focal, after)
  SELECT f.i, o.id, o.owner, o.key, f.focal, (
    SELECT max(b.id) FROM outbox AS b
    WHERE b.owner = o.owner AND b.key = o.key AND b.state IN ('queued', 'custody') AND b.id < o.id)
  FROM fresh AS f CROSS JOIN outbox AS o ON o.seq = f.seq AND o.owner = f.mailbox WHERE f.hand IS NOT NULL;
  INSERT INTO hand_claims (i, now, worker, lease, owner, key, fence, attempts)
  SELECT min(f.i), f.now, f.worker, f.lease, h.owner, h.key, coalesce(l.fence, 0) + 1, coalesce(l.attempts, 0) + 1
  FROM hand_outs AS h CROSS JOIN fresh AS f ON f.i = h.i
  LEFT JOIN lanes AS l ON l.kind = 'push' AND l.owner = h.owner AND l.key = h.key
  WHERE f.worker IS NOT NULL
    AND (l.state IS NULL OR (l.state = 'asleep' AND (l.wanted <= l.done OR l.due <= f.now)))
    AND NOT EXISTS (SELECT 1 FROM readers WHERE id = h.owner AND status <> 'active')
  GROUP BY h.owner, h.key;
  INSERT INTO lanes (kind, owner, key, wanted, due, state, fence, attempts, holder, until)
  SELECT 'push', h.owner, h.key, max(h.id), f.now, iif(c.i IS NULL, 'asleep', 'busy'), coalesce(c.fence, 0),
    coalesce(c.attempts, 0), c.worker, iif(c.i IS NULL, 0, c.now + c.lease)
  FROM hand_outs AS h CROSS JOIN fresh AS f ON f.i = h.i LEFT JOIN hand_claims AS c ON c.owner = h.owner AND c.key = h.key
  GROUP BY h.owner, h.key
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = excluded.wanted,
    state = iif(excluded.state = 'busy', 'busy', state),
    fence = max(fence, excluded.fence),
    attempts = max(attempts, excluded.attempts),
    holder = coalesce(excluded.holder, holder),
    until = iif(excluded.state = 'busy', excluded.until, until);

  -- An offer takes the lane if it sleeps and is due after this row: after what it waits for anyway, and after what the rows
  -- of this batch up to this one ask for. The first offer that can have it has it.
  INSERT INTO claims (i, seq, now, worker, lease, owner, key, fence, attempts, alone)
  SELECT
    min(w.i), w.seq, w.now, w.worker, w.lease, w.mailbox, w.lane, coalesce(l.fence, 0) + 1, coalesce(l.attempts, 0) + 1,
    (l.state IS NULL OR l.wanted <= l.done)
      AND NOT EXISTS (SELECT 1 FROM fresh AS f WHERE f.i < w.i AND f.mailbox = w.mailbox AND f.lane = w.lane)
      AND NOT EXISTS (
        SELECT 1 FROM members AS m JOIN log AS e ON e.chat = m.chat AND e.seq > m.handed
        WHERE m.chat = w.chat AND m.reader = w.mailbox AND e.seq < w.seq AND NOT e.out)
  FROM (
    SELECT *, max(wake_at) OVER (PARTITION BY mailbox, lane ORDER BY i) AS due
    FROM fresh WHERE lane IS NOT NULL) AS w
  LEFT JOIN lanes AS l ON l.kind = 'turn' AND l.owner = w.mailbox AND l.key = w.lane
  WHERE w.worker IS NOT NULL AND w.due <= w.now
    AND (l.state IS NULL OR (l.state = 'asleep' AND (l.wanted <= l.done OR l.due <= w.now)))
  GROUP BY w.mailbox, w.lane;

  INSERT INTO lanes (kind, owner, key, wanted, due)
  SELECT 'turn', mailbox, lane, max(seq), max(wake_at) FROM fresh WHERE lane IS NOT NULL GROUP BY mailbox, lane
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = excluded.wanted;
  UPDATE lanes SET
    state = 'busy', fence = c.fence, attempts = c.attempts, holder = c.worker, until = c.now + c.lease
  FROM claims AS c
  WHERE lanes.kind = 'turn' AND lanes.owner = c.owner AND lanes.key = c.key;
  UPDATE turns SET state = 'lost' FROM claims AS c
  WHERE turns.owner = c.owner AND turns.key = c.key AND turns.fence = c.fence - 1 AND turns.state = 'claimed';
  INSERT INTO turns (owner, key, fence, attempt, head, at)
  SELECT owner, key, fence, attempts, seq, now FROM claims ORDER BY i;
END;

-- What became of them, in their order.
CREATE TEMP VIEW arrived AS
SELECT json_group_array(json(CASE
  WHEN k.i IS NULL THEN iif(
    EXISTS (SELECT 1 FROM connections WHERE id = a.connection AND status = 'active' AND fence <> a.fence),
    '{"outcome":"fenced"}', '{"outcome":"stale"}')
  WHEN a.rev IS NULL THEN '{"outcome":"done","done":"nothing"}'
  WHEN f.seq IS NULL THEN json_object('outcome', 'duplicate', 'seq', coalesce(
    k.dup, (SELECT seq FROM fresh WHERE i = a.first)))
  ELSE json_object(
    'outcome', 'done', 'done', 'accepted', 'seq', f.seq, 'prev', f.prev, 'chat', f.chat, 'session', k.session, 'name', k.name, 'at', a.now,
    'new_chat', json(iif(k.new_chat, 'true', 'false')), 'alone', json(iif(c.alone, 'true', 'false')),
    'claimed', CASE
      WHEN c.i IS NOT NULL THEN json_object(
        'lane', json_object('kind', 'turn', 'owner', c.owner, 'key', c.key), 'fence', c.fence, 'attempts', c.attempts)
      WHEN p.i IS NOT NULL THEN json_object(
        'lane', json_object('kind', 'push', 'owner', p.owner, 'key', p.key), 'fence', p.fence, 'attempts', p.attempts)
      END,
    'handing', iif(h.i IS NULL, NULL, json_object(
      'delivery', h.id, 'focal', json(iif(h.focal, 'true', 'false')), 'after', h.after)))
  END) ORDER BY a.i) AS outcomes
FROM arrivals AS a
LEFT JOIN known AS k ON k.i = a.i
LEFT JOIN fresh AS f ON f.i = a.i
LEFT JOIN claims AS c ON c.i = a.i
LEFT JOIN hand_outs AS h ON h.i = a.i
LEFT JOIN hand_claims AS p ON p.i = a.i;
