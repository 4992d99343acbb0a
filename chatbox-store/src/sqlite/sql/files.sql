-- Decides about one file of one row; moves a reader's position.

-- `found` is the row that holds the newest body, `about` the file's path in it.
CREATE TEMP TRIGGER media AFTER INSERT ON steps WHEN NEW.kind = 'media' BEGIN
  UPDATE steps SET (found, about, chat) = (
    SELECT body.seq,
      iif(body.kind = 'edit', '$.content', '$') || '.attachments[' || (NEW.step ->> 'index') || ']', shown.chat
    FROM log AS shown JOIN log AS body ON body.seq = coalesce(shown.cur_seq, shown.seq)
    WHERE shown.seq = NEW.step ->> 'seq')
  WHERE i = NEW.i;
  UPDATE steps SET ending = iif(
    (SELECT kind IN ('message', 'edit') AND json_type(body, about) = 'object' FROM log WHERE seq = found), 'placed', 'stale')
  WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER media_stale AFTER UPDATE OF ending ON steps WHEN NEW.kind = 'media' AND NEW.ending = 'stale' BEGIN
  UPDATE steps SET outcome = '{"outcome":"stale"}' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER media_placed AFTER UPDATE OF ending ON steps WHEN NEW.kind = 'media' AND NEW.ending = 'placed' BEGIN
  UPDATE log SET body = json_set(body,
    NEW.about || '.media', NEW.step -> 'media',
    NEW.about || '.name', coalesce(NEW.step ->> 'name', body ->> (NEW.about || '.name')),
    NEW.about || '.mime', coalesce(NEW.step ->> 'mime', body ->> (NEW.about || '.mime')),
    NEW.about || '.size', coalesce(NEW.step ->> 'size', body ->> (NEW.about || '.size')))
  WHERE seq = NEW.found;
  UPDATE log SET pending = (
    SELECT count(*) FROM json_each(body, iif(kind = 'edit', '$.content.attachments', '$.attachments'))
    WHERE value ->> '$.media.state' = 'pending')
  WHERE seq = NEW.found;

  -- The file of a row that is to be answered: the lane need not wait for files any more once no such row waits for one.
  UPDATE lanes SET due = min(due, NEW.now + coalesce(NEW.step ->> 'wait_ms', 0))
  FROM chats AS c JOIN readers AS r ON r.id = c.reader
  WHERE c.id = NEW.chat AND lanes.kind = 'turn' AND lanes.owner = c.reader
    AND lanes.key = CASE r.scope
      WHEN 'mailbox' THEN 'mailbox'
      WHEN 'session' THEN 'session/' || c.session
      ELSE 'chat/' || c.id END
    AND wanted > done
    AND NEW.step ->> 'seq' > (SELECT handed FROM members AS m WHERE m.chat = c.id AND m.reader = c.reader)
    AND NOT EXISTS (
      SELECT 1 FROM log AS shown JOIN log AS body ON body.seq = coalesce(shown.cur_seq, shown.seq)
      WHERE shown.chat = c.id AND body.pending > 0
        AND shown.seq > (SELECT handed FROM members AS m WHERE m.chat = c.id AND m.reader = c.reader));
  UPDATE steps SET outcome = '{"outcome":"done","done":"nothing"}' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER ack AFTER INSERT ON steps WHEN NEW.kind = 'ack' BEGIN
  INSERT INTO members (chat, reader, seen)
  SELECT id, NEW.step ->> 'reader', NEW.step ->> 'seen' FROM chats
  WHERE id = NEW.step ->> 'chat' AND head >= NEW.step ->> 'seen'
  ON CONFLICT (chat, reader) DO UPDATE SET seen = max(seen, excluded.seen);
  UPDATE steps SET outcome = iif(
    EXISTS (SELECT 1 FROM chats WHERE id = NEW.step ->> 'chat' AND head >= NEW.step ->> 'seen'),
    '{"outcome":"done","done":"nothing"}', '{"outcome":"stale"}')
  WHERE i = NEW.i;
END;
