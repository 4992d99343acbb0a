-- Ends a turn.

CREATE TEMP TRIGGER commit_turn AFTER UPDATE OF held ON steps WHEN NEW.kind = 'commit' AND NEW.held IS NOT NULL BEGIN
  INSERT INTO emits (i, n, now, emit, chat, turn)
  SELECT NEW.i, e.key, NEW.now, e.value, e.value ->> 'chat',
         (SELECT id FROM turns WHERE owner = NEW.lane_owner AND key = NEW.lane_key AND fence = NEW.fence)
  FROM jsonb_each(NEW.step, '$.emits') AS e WHERE NEW.step ->> '$.end.end' NOT IN ('again', 'released')
  ORDER BY e.key;

  -- Everything is checked before anything is written; what follows from the ending are the triggers below.
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM chats WHERE id = NEW.step ->> 'chat')
      AND NOT EXISTS (SELECT 1 FROM emits WHERE i = NEW.i AND sayable IS NOT TRUE),
    NEW.step ->> '$.end.end', 'stale')
  WHERE i = NEW.i;

  UPDATE steps SET seq = (
    SELECT min(seq) FROM log WHERE chat = NEW.step ->> 'chat' AND wakes AND seq > coalesce((
      SELECT handed FROM members WHERE chat = NEW.step ->> 'chat' AND reader = NEW.lane_owner), 0))
  WHERE i = NEW.i AND ending = 'poisoned';

  UPDATE emits SET say = 1
  WHERE i = NEW.i AND (SELECT ending FROM steps WHERE i = NEW.i) IN ('done', 'failed', 'poisoned');

  -- Is a message left in one of the lane's chats?
  UPDATE steps SET left_over = CASE
    WHEN NEW.lane_kind <> 'turn' THEN 0
    WHEN NEW.lane_key = 'mailbox' THEN EXISTS (
      SELECT 1 FROM members WHERE reader = NEW.lane_owner AND waking > handed)
    WHEN NEW.lane_key LIKE 'chat/%' THEN EXISTS (
      SELECT 1 FROM members
      WHERE chat = CAST(substr(NEW.lane_key, 6) AS INTEGER) AND reader = NEW.lane_owner AND waking > handed)
    ELSE EXISTS (
      SELECT 1 FROM chats AS c JOIN members AS m ON m.chat = c.id AND m.reader = NEW.lane_owner
      WHERE c.session = CAST(substr(NEW.lane_key, 9) AS INTEGER) AND m.waking > m.handed) END
  WHERE i = NEW.i AND ending IN ('done', 'failed', 'poisoned');
END;

CREATE TEMP TRIGGER commit_stale AFTER UPDATE OF ending ON steps WHEN NEW.kind = 'commit' AND NEW.ending = 'stale' BEGIN
  UPDATE steps SET outcome = '{"outcome":"stale"}' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER commit_end AFTER UPDATE OF ending ON steps WHEN NEW.kind = 'commit' AND NEW.ending <> 'stale' BEGIN
  UPDATE turns SET
    chat = NEW.step ->> 'chat', upto = NEW.step ->> 'upto', state = NEW.ending, reason = NEW.step ->> '$.end.reason',
    usage = NEW.step ->> '$.end.tokens', ended = NEW.now
  WHERE owner = NEW.lane_owner AND key = NEW.lane_key AND fence = NEW.fence;
END;

-- To be taken again; a claim that was released is no attempt.
CREATE TEMP TRIGGER commit_again AFTER UPDATE OF ending ON steps
WHEN NEW.kind = 'commit' AND NEW.ending IN ('again', 'released') BEGIN
  UPDATE lanes SET
    state = 'asleep', holder = NULL, due = NEW.now + (NEW.step ->> '$.end.after_ms'),
    attempts = max(0, attempts - (NEW.ending = 'released'))
  WHERE rowid = NEW.held;
  UPDATE steps SET outcome = '{"outcome":"done","done":"appended","rows":[],"more":true}' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER commit_handed AFTER UPDATE OF ending ON steps
WHEN NEW.kind = 'commit' AND NEW.ending IN ('done', 'failed') BEGIN
  INSERT INTO members (chat, reader, handed, seen)
  VALUES (NEW.step ->> 'chat', NEW.lane_owner, NEW.step ->> 'upto', NEW.step ->> 'upto')
  ON CONFLICT (chat, reader) DO UPDATE SET
    handed = max(handed, excluded.handed), seen = max(seen, excluded.seen);
END;

-- The oldest message that asks for a turn is handed over alone, and its chat is told. `seq` is that message.
CREATE TEMP TRIGGER commit_bury AFTER UPDATE OF seq ON steps WHEN NEW.kind = 'commit' AND NEW.seq IS NOT NULL BEGIN
  INSERT INTO members (chat, reader, handed, seen)
  VALUES (NEW.step ->> 'chat', NEW.lane_owner, NEW.seq, NEW.seq)
  ON CONFLICT (chat, reader) DO UPDATE SET
    handed = max(handed, excluded.handed), seen = max(seen, excluded.seen);
  UPDATE turns SET upto = NEW.seq
  WHERE owner = NEW.lane_owner AND key = NEW.lane_key AND fence = NEW.fence;
  INSERT INTO losses (now, chat, of_, state, reason)
  VALUES (NEW.now, NEW.step ->> 'chat', NEW.seq, 'dead_letter', NEW.step ->> '$.end.reason');
END;

-- The lane sleeps: due again, after what it waits for anyway, if a message is left.
CREATE TEMP TRIGGER commit_over AFTER UPDATE OF left_over ON steps WHEN NEW.kind = 'commit' AND NEW.left_over IS NOT NULL BEGIN
  UPDATE lanes SET
    state = 'asleep', holder = NULL, attempts = 0,
    due = iif(NEW.left_over, max(due, NEW.now), due),
    done = iif(NEW.left_over, done, wanted)
  WHERE rowid = NEW.held;
  UPDATE steps SET outcome = json_object(
    'outcome', 'done', 'done', 'appended', 'more', json(iif(NEW.left_over, 'true', 'false')),
    'rows', (
      SELECT json_group_array(json_object('seq', l.seq, 'prev', coalesce(e.prev, 0), 'chat', l.chat, 'at', l.at) ORDER BY e.n)
      FROM emits AS e JOIN log AS l ON l.seq = coalesce(e.seq, e.dup) WHERE e.i = NEW.i))
  WHERE i = NEW.i;
END;
