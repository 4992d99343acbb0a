-- The machinery of all steps but accepts and skips. They are inserted into `steps` in order, and triggers are what each
-- kind of step does: for one row after the other, inside the one statement that inserts them, so that any mixture of steps
-- is one command to the database and each step sees what the one before it wrote. Where two triggers wait for the same
-- change, which comes first is open: they must not care. `unixepoch` does not move within a statement, so `now` is one time
-- for all of them.

CREATE TEMP TABLE steps (
  i           INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  now         INTEGER NOT NULL,
  step        BLOB NOT NULL,           -- as it was handed in, in JSONB
  outcome     TEXT,                    -- what becomes of it, in JSON
  connection  TEXT,
  rev         INTEGER,
  -- Steps about one lane: which, under which fence, and the lane's row if it is held under it.
  lane_kind   TEXT,
  lane_owner  TEXT,
  lane_key    TEXT,
  fence       INTEGER,
  held        INTEGER,
  -- Which way the step goes, and what it found there.
  ending      TEXT,
  account     INTEGER,
  chat        INTEGER,
  seq         INTEGER,
  about       TEXT,
  found       INTEGER,
  left_over   INTEGER
);

-- Lanes taken by the claim steps of this batch, in order.
CREATE TEMP TABLE taken (
  n     INTEGER PRIMARY KEY,
  i     INTEGER NOT NULL,
  lane  INTEGER NOT NULL
);

-- What the emit and commit steps of this batch say, and what became of it.
CREATE TEMP TABLE emits (
  i           INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  now         INTEGER NOT NULL,
  emit        BLOB NOT NULL,
  chat        INTEGER NOT NULL,
  turn        INTEGER,
  say         INTEGER,
  -- Found on the way.
  connection  TEXT,
  account     INTEGER,
  sayable     INTEGER,
  prev        INTEGER,                 -- the chat's newest row before this one
  seq         INTEGER,
  dup         INTEGER,
  PRIMARY KEY (i, n)
) WITHOUT ROWID;

-- Messages whose words are being indexed.
CREATE TEMP TABLE indexing (
  seq  INTEGER PRIMARY KEY
);

-- Who is not pushed any more is handed nothing.
CREATE TEMP VIEW farewells AS SELECT 0 AS now, '' AS owner;
CREATE TEMP TRIGGER bid_farewell INSTEAD OF INSERT ON farewells BEGIN
  UPDATE outbox SET state = 'superseded', since = NEW.now
  WHERE owner = NEW.owner AND state IN ('queued', 'custody');
  UPDATE lanes SET fence = fence + (state = 'busy'), state = 'asleep', holder = NULL, done = wanted, attempts = 0
  WHERE kind = 'push' AND owner = NEW.owner;
END;

-- A connection that is used no more: its queued deliveries fail.
CREATE TEMP VIEW removals AS SELECT 0 AS now, '' AS connection;
CREATE TEMP TRIGGER remove_one INSTEAD OF INSERT ON removals BEGIN
  UPDATE outbox SET
    state = 'failed', receipt = NULL, message = NULL, reason = 'connection removed', since = NEW.now
  WHERE owner = NEW.connection AND state IN ('queued', 'custody');
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0
  WHERE kind = 'out' AND owner = NEW.connection;
  UPDATE connections SET status = 'archived' WHERE id = NEW.connection AND status = 'active';
END;

-- A service event: everybody in the mailbox's account who wants to know is told, unless too much waits for them. Inserting
-- here does it; nothing is kept here.
CREATE TEMP VIEW happenings AS
SELECT 0 AS now, '' AS kind, '' AS mailbox, 0 AS chat, '' AS connection, 0 AS delivery, '' AS reason, 0 AS seq;
CREATE TEMP TRIGGER happen INSTEAD OF INSERT ON happenings BEGIN
  UPDATE readers SET dropped = dropped + 1
  WHERE kind = 'subscription' AND account = (SELECT account FROM readers WHERE id = NEW.mailbox)
    AND EXISTS (SELECT 1 FROM json_each(readers.events) WHERE value = NEW.kind)
    AND (SELECT count(*) FROM outbox WHERE owner = readers.id AND key = 'events' AND state IN ('queued', 'custody')) >= 1000;
  INSERT INTO outbox (seq, part, owner, key, chat, class, expires, at, since, verb)
  SELECT coalesce(NEW.seq, 0), 0, s.id, 'events', coalesce(NEW.chat, 0), 'idempotent', NEW.now + 86400000, NEW.now, NEW.now,
    json_object('event', json_object('type', NEW.kind, 'mailbox', NEW.mailbox, 'chat', NEW.chat,
      'connection', NEW.connection, 'delivery', NEW.delivery, 'reason', NEW.reason))
  FROM readers AS s
  WHERE s.kind = 'subscription' AND s.account = (SELECT account FROM readers WHERE id = NEW.mailbox)
    AND EXISTS (SELECT 1 FROM json_each(s.events) WHERE value = NEW.kind)
    AND (SELECT count(*) FROM outbox WHERE owner = s.id AND key = 'events' AND state IN ('queued', 'custody')) < 1000
  ORDER BY s.id;
  INSERT INTO lanes (kind, owner, key, wanted, due)
  SELECT 'push', s.id, 'events', max(o.id), NEW.now
  FROM readers AS s JOIN outbox AS o ON o.owner = s.id AND o.key = 'events' AND o.state IN ('queued', 'custody')
  WHERE s.kind = 'subscription' AND s.account = (SELECT account FROM readers WHERE id = NEW.mailbox)
    AND EXISTS (SELECT 1 FROM json_each(s.events) WHERE value = NEW.kind)
  GROUP BY s.id
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = excluded.wanted
  WHERE excluded.wanted > wanted;
END;

-- The chat is told what became of an earlier row. Inserting here does it; nothing is kept.
CREATE TEMP VIEW losses AS SELECT 0 AS now, 0 AS chat, 0 AS of_, '' AS state, '' AS reason;
CREATE TEMP TRIGGER lose INSTEAD OF INSERT ON losses BEGIN
  INSERT INTO log (seq, account, chat, kind, author, out, wakes, late, at, target, body)
  VALUES (
    (SELECT max(seq) + 1 FROM log), (SELECT account FROM chats WHERE id = NEW.chat), NEW.chat, 'outcome',
    '{"by":"system"}', 0, 0, 0, NEW.now, NEW.of_,
    json_object('kind', 'outcome', 'of', NEW.of_, 'state', NEW.state, 'reason', NEW.reason));
  UPDATE chats SET head = (SELECT max(seq) FROM log) WHERE id = NEW.chat;
END;
