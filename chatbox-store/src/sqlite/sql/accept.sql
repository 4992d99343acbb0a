-- The tables in which arrivals (accepts and skips) are worked on: all of a batch at once, one statement for each thing
-- that follows from them (arrive.sql). What an event asks for does not depend on the ones before it but in four ways, and
-- each is said where it matters: repetitions, new chats, edits of what came just before, and lanes.

-- As they were handed in, in order. `first` is an earlier arrival of the same event under the same policy.
CREATE TEMP TABLE arrivals (
  i           INTEGER PRIMARY KEY,
  now         INTEGER NOT NULL,
  connection  TEXT NOT NULL,
  rev         INTEGER,                 -- of an accept; a skip has none
  fence       INTEGER,                 -- under which it was read, where one node at a time reads
  event_id    TEXT,
  handle      TEXT,
  chat_kind   TEXT,
  chat_name   TEXT,
  sender      TEXT,
  author      TEXT,
  body_kind   TEXT,
  raw         TEXT,
  about       TEXT,
  late        INTEGER,
  grp         TEXT,
  files       INTEGER,
  wake_at     INTEGER,
  cursor      TEXT,
  worker      TEXT,
  lease       INTEGER,
  hand        INTEGER,                 -- handed to a mailbox that is pushed, within so many milliseconds
  hand_worker TEXT,
  hand_lease  INTEGER,
  first       INTEGER,
  body        TEXT
);

-- Those whose connection is active and has the policy they were admitted under, with what they mean here.
CREATE TEMP TABLE known (
  i         INTEGER PRIMARY KEY,
  account   INTEGER NOT NULL,
  mailbox   TEXT NOT NULL,
  door      TEXT NOT NULL,
  scope     TEXT NOT NULL,
  dup       INTEGER,
  focal     INTEGER,
  chat      INTEGER,
  session   INTEGER,
  name      TEXT,
  new_chat  INTEGER NOT NULL DEFAULT 0
);

-- Those that become rows. `lane` is the one they wake, where they wake one.
CREATE TEMP TABLE fresh (
  i        INTEGER PRIMARY KEY,
  seq      INTEGER NOT NULL,
  prev     INTEGER NOT NULL,
  now      INTEGER NOT NULL,
  chat     INTEGER NOT NULL,
  mailbox  TEXT NOT NULL,
  about    TEXT,
  focal    INTEGER NOT NULL,
  hand     INTEGER,
  wake_at  INTEGER,
  lane     TEXT,
  worker   TEXT,                       -- who would take the lane it wakes, by the mailbox's door
  lease    INTEGER
);

-- The lanes that fresh rows take for those who offered.
CREATE TEMP TABLE claims (
  i         INTEGER PRIMARY KEY,
  seq       INTEGER NOT NULL,
  now       INTEGER NOT NULL,
  worker    TEXT NOT NULL,
  lease     INTEGER NOT NULL,
  owner     TEXT NOT NULL,
  key       TEXT NOT NULL,
  fence     INTEGER NOT NULL,
  attempts  INTEGER NOT NULL,
  alone     INTEGER NOT NULL
);

-- What is handed to mailboxes that are pushed. `after` is the last that waits before it in its lane.
CREATE TEMP TABLE hand_outs (
  i      INTEGER PRIMARY KEY,
  id     INTEGER NOT NULL,
  owner  TEXT NOT NULL,
  key    TEXT NOT NULL,
  focal  INTEGER NOT NULL,
  after  INTEGER
);

-- The push lanes that they take.
CREATE TEMP TABLE hand_claims (
  i         INTEGER PRIMARY KEY,
  now       INTEGER NOT NULL,
  worker    TEXT NOT NULL,
  lease     INTEGER NOT NULL,
  owner     TEXT NOT NULL,
  key       TEXT NOT NULL,
  fence     INTEGER NOT NULL,
  attempts  INTEGER NOT NULL,
  UNIQUE (owner, key)
);

-- A conversation not seen before. Where two speak it belongs to the person's session, whichever chat they use. New chats
-- are few: they are made one after the other, so that their numbers follow their order.
CREATE TEMP VIEW newcomers AS
SELECT 0 AS i, '' AS connection, '' AS handle, '' AS kind, '' AS name, '' AS sender;

CREATE TEMP TRIGGER new_chat INSTEAD OF INSERT ON newcomers BEGIN
  INSERT INTO chats (account, connection, reader, platform, handle, kind, name)
  SELECT account, id, reader, platform, NEW.handle, NEW.kind, NEW.name FROM connections WHERE id = NEW.connection;

  INSERT INTO persons (account)
  SELECT c.account FROM connections AS c
  WHERE c.id = NEW.connection AND NEW.kind = 'dm' AND NOT EXISTS (
    SELECT 1 FROM identities WHERE platform = c.platform AND ident = c.ident AND ext = NEW.sender);
  INSERT INTO identities (platform, ident, ext, person)
  SELECT platform, ident, NEW.sender, (SELECT max(id) FROM persons) FROM connections
  WHERE id = NEW.connection AND NEW.kind = 'dm'
  ON CONFLICT DO NOTHING;

  INSERT INTO sessions (account, reader, person)
  SELECT c.account, c.reader, coalesce(p.merged, p.id)
  FROM connections AS c
  JOIN identities AS n ON n.platform = c.platform AND n.ident = c.ident AND n.ext = NEW.sender
  JOIN persons AS p ON p.id = n.person
  WHERE c.id = NEW.connection AND NEW.kind = 'dm'
  ON CONFLICT DO NOTHING;
  INSERT INTO sessions (account, reader, chat)
  SELECT account, reader, id FROM chats
  WHERE NEW.kind <> 'dm' AND connection = NEW.connection AND handle = NEW.handle;

  UPDATE chats SET session = iif(NEW.kind = 'dm',
    (SELECT s.id
     FROM connections AS c
     JOIN identities AS n ON n.platform = c.platform AND n.ident = c.ident AND n.ext = NEW.sender
     JOIN persons AS p ON p.id = n.person
     JOIN sessions AS s ON s.reader = c.reader AND s.person = coalesce(p.merged, p.id)
     WHERE c.id = NEW.connection),
    (SELECT id FROM sessions WHERE reader = chats.reader AND chat = chats.id))
  WHERE connection = NEW.connection AND handle = NEW.handle;

  INSERT INTO members (chat, reader)
  SELECT id, reader FROM chats WHERE connection = NEW.connection AND handle = NEW.handle;
  UPDATE known SET new_chat = 1 WHERE i = NEW.i;
END;

-- A message reads as its newest edit says, until it is taken back: that stays. One after the other, since a later one may
-- be about what an earlier one did.
CREATE TEMP VIEW revisions AS SELECT 0 AS target, 0 AS newest;

CREATE TEMP TRIGGER revise INSTEAD OF INSERT ON revisions BEGIN
  UPDATE log SET cur_seq = NEW.newest
  WHERE seq = NEW.target AND kind = 'message'
    AND NOT EXISTS (SELECT 1 FROM log AS newest WHERE newest.seq = log.cur_seq AND newest.kind = 'delete');
END;
