-- Saying something: a row, and one delivery per part where a platform must be told.

-- Whether it was said before, and how it would be said. `emits.dup` and `emits.connection` are what was found.
CREATE TEMP TRIGGER emit AFTER INSERT ON steps WHEN NEW.kind = 'emit' BEGIN
  INSERT INTO emits (i, n, now, emit, chat, turn)
  VALUES (NEW.i, 0, NEW.now, NEW.step, NEW.step ->> 'chat', (
    SELECT id FROM turns
    WHERE owner = NEW.step ->> '$.under.lane.owner' AND key = NEW.step ->> '$.under.lane.key'
      AND fence = NEW.step ->> '$.under.fence'));
  UPDATE steps SET outcome = (
    SELECT CASE
      -- Said by a turn that runs no more, or by one of another mailbox.
      WHEN NEW.step ->> '$.under.fence' IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM lanes WHERE kind = 'turn' AND kind = NEW.step ->> '$.under.lane.kind'
          AND owner = NEW.step ->> '$.under.lane.owner' AND owner = NEW.step ->> 'mailbox'
          AND key = NEW.step ->> '$.under.lane.key' AND state = 'busy' AND fence = NEW.step ->> '$.under.fence'
          AND until >= NEW.now) THEN '{"outcome":"fenced"}'
      WHEN dup IS NOT NULL THEN json_object('outcome', 'duplicate', 'seq', dup)
      WHEN sayable IS NOT TRUE THEN '{"outcome":"stale"}' END
    FROM emits WHERE i = NEW.i)
  WHERE i = NEW.i;
  UPDATE emits SET say = 1
  WHERE i = NEW.i AND dup IS NULL AND sayable IS TRUE AND (SELECT outcome FROM steps WHERE i = NEW.i) IS NULL;
  UPDATE steps SET outcome = (
    SELECT json_object('outcome', 'done', 'done', 'appended', 'more', json('false'),
      'rows', json_array(json_object('seq', seq, 'prev', coalesce(prev, 0), 'chat', chat, 'at', now)))
    FROM emits WHERE i = NEW.i)
  WHERE i = NEW.i AND outcome IS NULL;
END;

-- May it be said? The chat must be one of the mailbox's, and the row it is about must exist.
CREATE TEMP TRIGGER emit_check AFTER INSERT ON emits BEGIN
  UPDATE emits SET
    dup = (SELECT reply FROM idem WHERE key = NEW.emit ->> 'idem'),
    (connection, account, sayable) = (
      SELECT c.connection, c.account, NEW.emit ->> 'target' IS NULL
        OR EXISTS (SELECT 1 FROM log WHERE seq = NEW.emit ->> 'target')
      FROM chats AS c WHERE c.id = NEW.chat AND c.reader = NEW.emit ->> 'mailbox')
  WHERE i = NEW.i AND n = NEW.n;
END;

-- Says it, unless an emit before it in the same step said it under the same key.
CREATE TEMP TRIGGER emit_say AFTER UPDATE OF say ON emits BEGIN
  UPDATE emits SET dup = (SELECT reply FROM idem WHERE key = NEW.emit ->> 'idem') WHERE i = NEW.i AND n = NEW.n;
  UPDATE emits SET
    prev = (SELECT head FROM chats WHERE id = NEW.chat),
    seq = (SELECT coalesce(max(seq), 0) + 1 FROM log)
  WHERE i = NEW.i AND n = NEW.n AND dup IS NULL;
END;

CREATE TEMP TRIGGER emit_row AFTER UPDATE OF seq ON emits BEGIN
  INSERT INTO log (seq, account, chat, kind, author, out, wakes, late, at, connection, target, turn, pending, body)
  VALUES (NEW.seq, NEW.account, NEW.chat, NEW.emit ->> 'kind', NEW.emit ->> 'author', 1, 0, 0, NEW.now,
          NEW.connection, NEW.emit ->> 'target', NEW.turn, NEW.emit ->> 'files', NEW.emit ->> 'body');
  UPDATE chats SET head = NEW.seq WHERE id = NEW.chat;
  INSERT INTO revisions (target, newest)
  SELECT NEW.emit ->> 'target', NEW.seq
  WHERE NEW.emit ->> 'target' IS NOT NULL AND NEW.emit ->> 'kind' IN ('edit', 'delete');
  INSERT INTO idem (key, reply, until) SELECT NEW.emit ->> 'idem', NEW.seq, NEW.now + 7 * 86400000
  WHERE NEW.emit ->> 'idem' IS NOT NULL;
END;

-- Where nobody can send any more, what should have been sent has failed.
CREATE TEMP TRIGGER emit_parts AFTER UPDATE OF seq ON emits WHEN NEW.emit ->> '$.parts[0]' IS NOT NULL BEGIN
  INSERT INTO outbox (seq, part, owner, key, chat, class, state, reason, expires, at, since, verb)
  SELECT NEW.seq, p.key, NEW.connection, 'chat/' || NEW.chat, NEW.chat, NEW.emit ->> 'class',
         iif(c.status = 'active', 'queued', 'failed'), iif(c.status = 'active', NULL, 'connection removed'),
         NEW.now + (NEW.emit ->> 'ttl_ms'), NEW.now, NEW.now, p.value
  FROM json_each(NEW.emit, '$.parts') AS p JOIN connections AS c ON c.id = NEW.connection
  ORDER BY p.key;
  INSERT INTO lanes (kind, owner, key, wanted, due)
  SELECT 'out', o.owner, o.key, max(o.id), NEW.now FROM outbox AS o
  WHERE o.seq = NEW.seq AND o.state = 'queued' GROUP BY o.owner, o.key
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = excluded.wanted;
END;
