-- Schema 1. Times are milliseconds since 1970 by this database's clock. What is searched often stands in columns;
-- what is only carried stands as JSON text exactly as it was given. Rows of `log` never change but for what they show:
-- `body` (a file arrives) and `cur_seq` (an edit or deletion takes their place).

CREATE TABLE accounts (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE
);

-- Who follows chats, or hears of service events: mailboxes, people, subscriptions.
CREATE TABLE readers (
  id          TEXT PRIMARY KEY,
  account     INTEGER NOT NULL,
  kind        TEXT NOT NULL,                 -- mailbox | human | subscription
  name        TEXT NOT NULL,
  door        TEXT,
  scope       TEXT,
  focal       INTEGER,
  focus_rev   INTEGER NOT NULL DEFAULT 0,
  recap_from  INTEGER,
  recap_to    INTEGER,
  status      TEXT NOT NULL DEFAULT 'active',
  fails       INTEGER NOT NULL DEFAULT 0,
  events      TEXT,                          -- of a subscription: which kinds
  dropped     INTEGER NOT NULL DEFAULT 0,
  at          INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, kind, name)
) WITHOUT ROWID;

CREATE TABLE connections (
  id          TEXT PRIMARY KEY,
  account     INTEGER NOT NULL,
  reader      TEXT NOT NULL,
  platform    TEXT NOT NULL,
  ident       TEXT NOT NULL,
  status      TEXT NOT NULL DEFAULT 'active', -- active | archived
  policy_rev  INTEGER NOT NULL DEFAULT 0,
  fence       INTEGER NOT NULL DEFAULT 0,       -- of its link lane
  settings    TEXT NOT NULL,
  policy      TEXT NOT NULL,
  secret      TEXT,
  at          INTEGER NOT NULL
);
CREATE UNIQUE INDEX connections_place ON connections (reader, platform) WHERE status = 'active';
CREATE UNIQUE INDEX connections_ident ON connections (platform, ident) WHERE status = 'active';

-- Whose the lanes and deliveries of an owner are.
CREATE VIEW owners AS
SELECT r.id, a.name AS account FROM readers AS r JOIN accounts AS a ON a.id = r.account
UNION ALL
SELECT c.id, a.name FROM connections AS c JOIN accounts AS a ON a.id = c.account;

-- Where a connection resumes: apart from its row, which is wide and rarely changes.
CREATE TABLE resumes (
  connection  TEXT PRIMARY KEY,
  cursor      TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE chats (
  id          INTEGER PRIMARY KEY,
  account     INTEGER NOT NULL,
  connection  TEXT,
  reader      TEXT,
  platform    TEXT NOT NULL,
  handle      TEXT NOT NULL,
  kind        TEXT NOT NULL,
  name        TEXT,
  session     INTEGER,
  head        INTEGER NOT NULL DEFAULT 0,
  sealed      INTEGER NOT NULL DEFAULT 0,
  moved_to    INTEGER,
  caps        TEXT,
  state       TEXT
);
CREATE UNIQUE INDEX chats_handle ON chats (connection, handle) WHERE connection IS NOT NULL;
CREATE UNIQUE INDEX chats_native ON chats (account, platform, handle) WHERE connection IS NULL;
CREATE INDEX chats_session ON chats (session);
CREATE INDEX chats_reader ON chats (reader, head);

-- How far a reader is. `waking` is the newest row that asks for a turn of this reader: while it is beyond `handed`, one
-- is owed, and the partial index holds exactly the chats that owe one.
CREATE TABLE members (
  chat    INTEGER NOT NULL,
  reader  TEXT NOT NULL,
  handed  INTEGER NOT NULL DEFAULT 0,
  seen    INTEGER NOT NULL DEFAULT 0,
  waking  INTEGER NOT NULL DEFAULT 0,
  muted   INTEGER NOT NULL DEFAULT 0,
  view    TEXT,
  role    TEXT,
  PRIMARY KEY (chat, reader)
) WITHOUT ROWID;
CREATE INDEX members_reader ON members (reader, chat);
CREATE INDEX members_owed ON members (reader, chat) WHERE waking > handed;

CREATE TABLE persons (
  id       INTEGER PRIMARY KEY,
  account  INTEGER NOT NULL,
  merged   INTEGER                            -- the person they turned out to be
);

CREATE TABLE identities (
  platform  TEXT NOT NULL,
  ident     TEXT NOT NULL,
  ext       TEXT NOT NULL,
  person    INTEGER NOT NULL,
  verified  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (platform, ident, ext)
) WITHOUT ROWID;
CREATE INDEX identities_person ON identities (person);

-- A session is a person's where two speak, else a chat's.
CREATE TABLE sessions (
  id      INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  reader  TEXT NOT NULL,
  person  INTEGER,
  chat    INTEGER
);
CREATE UNIQUE INDEX sessions_person ON sessions (reader, person) WHERE person IS NOT NULL;
CREATE UNIQUE INDEX sessions_chat ON sessions (reader, chat) WHERE chat IS NOT NULL;

CREATE TABLE log (
  seq         INTEGER PRIMARY KEY,
  account     INTEGER NOT NULL,
  chat        INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  author      TEXT NOT NULL,
  out         INTEGER NOT NULL,
  wakes       INTEGER NOT NULL,
  late        INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  connection  TEXT,
  event_id    TEXT,
  target      INTEGER,
  cur_seq     INTEGER,
  grp         TEXT,
  turn        INTEGER,
  root        INTEGER,
  hops        INTEGER,
  hash        BLOB,
  salt        BLOB,
  pending     INTEGER NOT NULL DEFAULT 0,     -- files still with their platform
  body        TEXT
);
CREATE UNIQUE INDEX log_event ON log (connection, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX log_chat ON log (chat);
CREATE INDEX log_target ON log (target) WHERE target IS NOT NULL;
CREATE INDEX log_turn ON log (turn) WHERE turn IS NOT NULL;
CREATE INDEX log_pending ON log (connection) WHERE pending > 0;

-- The platform's own words, apart from what is read.
CREATE TABLE raws (
  seq  INTEGER PRIMARY KEY,
  raw  TEXT NOT NULL
);

CREATE TABLE lanes (
  kind      TEXT NOT NULL,                    -- turn | out | push | link
  owner     TEXT NOT NULL,
  key       TEXT NOT NULL,
  wanted    INTEGER NOT NULL DEFAULT 0,
  done      INTEGER NOT NULL DEFAULT 0,
  state     TEXT NOT NULL DEFAULT 'asleep',   -- asleep | busy
  fence     INTEGER NOT NULL DEFAULT 0,
  holder    TEXT,
  until     INTEGER NOT NULL DEFAULT 0,
  due       INTEGER NOT NULL DEFAULT 0,
  attempts  INTEGER NOT NULL DEFAULT 0,
  UNIQUE (kind, owner, key)
);
CREATE INDEX lanes_due ON lanes (kind, due) WHERE state = 'asleep' AND wanted > done;
CREATE INDEX lanes_until ON lanes (kind, until) WHERE state = 'busy';

CREATE TABLE turns (
  id       INTEGER PRIMARY KEY,
  owner    TEXT NOT NULL,
  key      TEXT NOT NULL,
  fence    INTEGER NOT NULL,
  chat     INTEGER,
  upto     INTEGER,
  attempt  INTEGER NOT NULL,
  head     INTEGER NOT NULL,                  -- the log's newest row when it was claimed
  state    TEXT NOT NULL DEFAULT 'claimed',   -- claimed | done | failed | again | released | poisoned | lost
  reason   TEXT,
  draft    TEXT,
  usage    TEXT,
  at       INTEGER NOT NULL,
  ended    INTEGER,
  UNIQUE (owner, key, fence)
);
CREATE INDEX turns_chat ON turns (chat, upto) WHERE chat IS NOT NULL;

CREATE TABLE outbox (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  seq       INTEGER NOT NULL,
  part      INTEGER NOT NULL,
  owner     TEXT NOT NULL,
  key       TEXT NOT NULL,
  chat      INTEGER NOT NULL,
  class     TEXT NOT NULL,
  state     TEXT NOT NULL DEFAULT 'queued',
  attempts  INTEGER NOT NULL DEFAULT 0,
  focal     INTEGER,
  due       INTEGER,
  expires   INTEGER NOT NULL,
  fence     INTEGER,
  at        INTEGER NOT NULL,
  since     INTEGER NOT NULL,                 -- its last change
  message   TEXT,                             -- the receipt's name for it
  receipt   TEXT,
  reason    TEXT,
  verb      TEXT NOT NULL
);
CREATE INDEX outbox_open ON outbox (owner, key) WHERE state IN ('queued', 'custody');
CREATE INDEX outbox_dead ON outbox (state) WHERE state IN ('failed', 'unknown', 'expired');
CREATE INDEX outbox_message ON outbox (owner, message) WHERE message IS NOT NULL;
CREATE INDEX outbox_seq ON outbox (seq, part);

CREATE TABLE gates (
  id           INTEGER PRIMARY KEY,
  turn         INTEGER NOT NULL,
  action_hash  BLOB NOT NULL,
  shown        TEXT NOT NULL,
  approvers    TEXT NOT NULL,
  state        TEXT NOT NULL,
  until        INTEGER NOT NULL,
  answer_seq   INTEGER
);

CREATE TABLE media (
  id      TEXT PRIMARY KEY,
  seq     INTEGER NOT NULL,
  state   TEXT NOT NULL,
  source  TEXT,
  hash    BLOB,
  size    INTEGER
) WITHOUT ROWID;

CREATE TABLE idem (
  key        TEXT PRIMARY KEY,
  body_hash  BLOB,
  reply      INTEGER,                         -- the row it became
  until      INTEGER
) WITHOUT ROWID;

CREATE TABLE tokens (
  prefix     TEXT PRIMARY KEY,
  account    INTEGER NOT NULL,
  hash       TEXT NOT NULL,
  principal  TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  until      INTEGER
) WITHOUT ROWID;

-- What people set up and the engine only keeps.
CREATE TABLE records (
  kind     TEXT NOT NULL,                     -- mailbox | credential | subscription
  id       TEXT NOT NULL,
  account  INTEGER NOT NULL,
  name     TEXT NOT NULL,
  rev      INTEGER NOT NULL,
  uses     TEXT NOT NULL,                     -- the credentials it names
  at       INTEGER NOT NULL,
  body     TEXT NOT NULL,
  PRIMARY KEY (kind, id),
  UNIQUE (account, kind, name)
) WITHOUT ROWID;

-- Replies to requests that may be repeated.
CREATE TABLE remembered (
  key    TEXT PRIMARY KEY,
  asked  TEXT NOT NULL,
  reply  TEXT NOT NULL,
  until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remembered_until ON remembered (until);

-- Who did what.
CREATE TABLE notes (
  id       INTEGER PRIMARY KEY,
  account  INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT NOT NULL,
  action   TEXT NOT NULL,
  target   TEXT NOT NULL
);
CREATE INDEX notes_account ON notes (account, id);

-- What adapters remember, sealed.
CREATE TABLE state (
  connection  TEXT NOT NULL,
  key         TEXT NOT NULL,
  rev         INTEGER NOT NULL,
  box         TEXT NOT NULL,
  PRIMARY KEY (connection, key)
) WITHOUT ROWID;

-- How far readers that trail the log have come: the search index, later audit and subscriptions.
CREATE TABLE cursors (
  name  TEXT PRIMARY KEY,
  seq   INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO cursors VALUES ('fts', 0);

-- The words of messages, found by row number.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 0');
