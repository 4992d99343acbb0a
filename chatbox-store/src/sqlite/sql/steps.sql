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
