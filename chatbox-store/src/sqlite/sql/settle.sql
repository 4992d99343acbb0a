-- Decides about a delivery under its lane's fence, or gives the lane back.

CREATE TEMP TRIGGER settle AFTER UPDATE OF held ON steps WHEN NEW.kind = 'settle' AND NEW.held IS NOT NULL BEGIN
  UPDATE steps SET found = (
    SELECT id FROM outbox
    WHERE id = NEW.step ->> 'delivery' AND owner = NEW.lane_owner AND key = NEW.lane_key
      AND state IN ('queued', 'custody'))
  WHERE i = NEW.i;
  UPDATE steps SET ending = iif(found IS NULL AND NEW.step ->> 'delivery' IS NOT NULL, 'stale', NEW.step ->> '$.to.to')
  WHERE i = NEW.i;

  -- The lane rests when nothing is left in it, sleeps if it is given back, and is kept otherwise.
  UPDATE steps SET left_over = EXISTS (
    SELECT 1 FROM outbox WHERE owner = NEW.lane_owner AND key = NEW.lane_key AND state IN ('queued', 'custody'))
  WHERE i = NEW.i AND ending <> 'stale';
END;

CREATE TEMP TRIGGER settle_stale AFTER UPDATE OF ending ON steps WHEN NEW.kind = 'settle' AND NEW.ending = 'stale' BEGIN
  UPDATE steps SET outcome = '{"outcome":"stale"}' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER settle_one AFTER UPDATE OF ending ON steps
WHEN NEW.kind = 'settle' AND NEW.found IS NOT NULL AND NEW.ending NOT IN ('stale', 'release') BEGIN
  UPDATE outbox SET
    state = iif(NEW.ending = 'retry', 'queued', NEW.ending),
    attempts = attempts + (NEW.ending = 'retry'),
    fence = NEW.fence, since = NEW.now,
    receipt = NEW.step -> '$.to.receipt', message = NEW.step ->> '$.to.receipt.message',
    reason = iif(NEW.ending = 'expired', 'not sent in time', NEW.step ->> '$.to.reason')
  WHERE id = NEW.found;
  INSERT INTO losses (now, chat, of_, state, reason)
  SELECT NEW.now, chat, seq, state, reason FROM outbox
  WHERE id = NEW.found AND state IN ('failed', 'unknown', 'expired') AND NEW.lane_kind = 'out';
  INSERT INTO happenings (now, kind, mailbox, chat, delivery, reason, seq)
  SELECT NEW.now, 'delivery_failed', c.reader, o.chat, o.id, o.reason, o.seq
  FROM outbox AS o JOIN chats AS c ON c.id = o.chat
  WHERE o.id = NEW.found AND o.state IN ('failed', 'unknown', 'expired') AND NEW.lane_kind = 'out';
END;

-- What a hand-out that was decided means for whom it is handed to: how far a mailbox was handed over to, and whether it
-- goes on.
CREATE TEMP TRIGGER settle_hand AFTER UPDATE OF ending ON steps
WHEN NEW.kind = 'settle' AND NEW.found IS NOT NULL AND NEW.ending <> 'stale' AND NEW.lane_kind = 'push' BEGIN
  INSERT INTO members (chat, reader, handed)
  SELECT chat, NEW.lane_owner, seq FROM outbox
  WHERE id = NEW.found AND NEW.ending IN ('delivered', 'failed', 'unknown', 'expired') AND key <> 'events'
  ON CONFLICT (chat, reader) DO UPDATE SET handed = max(handed, excluded.handed);
  -- Who is not told of an event is not told that they were not.
  INSERT INTO happenings (now, kind, mailbox, chat, delivery, reason, seq)
  SELECT NEW.now, 'delivery_failed', c.reader, o.chat, o.id,
    iif(NEW.ending = 'expired', 'not sent in time', NEW.step ->> '$.to.reason'), o.seq
  FROM outbox AS o JOIN chats AS c ON c.id = o.chat
  WHERE o.id = NEW.found AND NEW.ending IN ('failed', 'unknown', 'expired') AND o.key <> 'events';
  UPDATE readers SET fails = CASE
    WHEN NEW.ending = 'delivered' THEN 0
    WHEN NEW.ending IN ('failed', 'unknown', 'expired') THEN fails + 1
    ELSE fails END
  WHERE id = NEW.lane_owner;
  INSERT INTO happenings (now, kind, mailbox)
  SELECT NEW.now, 'mailbox_paused', id FROM readers
  WHERE id = NEW.lane_owner AND kind = 'mailbox' AND status = 'active' AND fails >= NEW.step ->> 'pause_after';
  UPDATE readers SET status = 'paused'
  WHERE id = NEW.lane_owner AND status = 'active' AND fails >= NEW.step ->> 'pause_after';
END;

CREATE TEMP TRIGGER settle_over AFTER UPDATE OF left_over ON steps
WHEN NEW.kind = 'settle' AND NEW.left_over IS NOT NULL BEGIN
  UPDATE lanes SET
    state = 'asleep', holder = NULL,
    done = iif(NEW.left_over, done, wanted),
    attempts = iif(NEW.left_over, attempts, 0),
    due = iif(NEW.left_over, NEW.now + coalesce(NEW.step ->> '$.to.after_ms', 0), due)
  WHERE rowid = NEW.held
    AND (NOT NEW.left_over OR NEW.ending IN ('retry', 'release') OR NEW.step ->> 'delivery' IS NULL);
  UPDATE steps SET outcome = json_object('outcome', 'done', 'done', 'settled', 'more', json(iif(
    NEW.left_over AND NEW.ending NOT IN ('retry', 'release') AND NEW.step ->> 'delivery' IS NOT NULL, 'true', 'false')),
    'paused', json(iif(
      EXISTS (SELECT 1 FROM readers WHERE id = NEW.lane_owner AND status <> 'active' AND NEW.lane_kind = 'push'),
      'true', 'false')))
  WHERE i = NEW.i;
END;
