PRAGMA application_id = 1667785076;
PRAGMA user_version = 1;
BEGIN;
CREATE TABLE accounts (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE
);
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
CREATE VIEW owners AS
SELECT r.id, a.name AS account FROM readers AS r JOIN accounts AS a ON a.id = r.account
UNION ALL
SELECT c.id, a.name FROM connections AS c JOIN accounts AS a ON a.id = c.account;
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
CREATE TABLE remembered (
  key    TEXT PRIMARY KEY,
  asked  TEXT NOT NULL,
  reply  TEXT NOT NULL,
  until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remembered_until ON remembered (until);
CREATE TABLE notes (
  id       INTEGER PRIMARY KEY,
  account  INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT NOT NULL,
  action   TEXT NOT NULL,
  target   TEXT NOT NULL
);
CREATE INDEX notes_account ON notes (account, id);
CREATE TABLE state (
  connection  TEXT NOT NULL,
  key         TEXT NOT NULL,
  rev         INTEGER NOT NULL,
  box         TEXT NOT NULL,
  PRIMARY KEY (connection, key)
) WITHOUT ROWID;
CREATE TABLE cursors (
  name  TEXT PRIMARY KEY,
  seq   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 0');
DELETE FROM "accounts";
INSERT INTO "accounts" VALUES (1, 'main');
DELETE FROM "readers";
INSERT INTO "readers" VALUES ('main', 1, 'mailbox', 'main', 'pull', 'session', 1, 1, NULL, NULL, 'active', 0, NULL, 0, 1796033116757);
INSERT INTO "readers" VALUES ('mbx_x5wv0x9jjwkzgs4evex3', 1, 'mailbox', 'shop', 'push', 'chat', NULL, 0, NULL, NULL, 'active', 1, NULL, 0, 1796033117078);
INSERT INTO "readers" VALUES ('sub_2g6bj0h4cvh8z2cndkrb', 1, 'subscription', 'sub_2g6bj0h4cvh8z2cndkrb', 'push', NULL, NULL, 0, NULL, NULL, 'active', 0, '["new_chat","delivery_failed"]', 0, 1796033117084);
DELETE FROM "connections";
INSERT INTO "connections" VALUES ('con_0auh5be6jbkw263buuvj', 1, 'main', 'webchat', 'main', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796033116770);
INSERT INTO "connections" VALUES ('con_hgcx3xgjccpgx6dppeff', 1, 'main', 'telegram', '7000001', 'active', 2, 0, '{"api_base":"http://127.0.0.1:44033"}', '{"trusted":false,"everyone":false,"owner":"42","allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', '{"key":"630dcd2966c43366","sealed":"oQMONKlN5OAI0HA5wX5p9J/4lt9vNIeuHGqRrwagGddpkIv6KiFYKmqic5XcruYCBqNMqL/vRNoL+pK4pxiZIyNSKK/Fne0H5wh83H9sYCTV"}', 1796033116911);
INSERT INTO "connections" VALUES ('con_t0dc53kwjp0cpftdkrpa', 1, 'main', 'alpha', 'main', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796033116992);
INSERT INTO "connections" VALUES ('con_v4mdanmj2xpfjn7e0q8q', 1, 'mbx_x5wv0x9jjwkzgs4evex3', 'till', 'mbx_x5wv0x9jjwkzgs4evex3', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796033117088);
DELETE FROM "resumes";
INSERT INTO "resumes" VALUES ('con_hgcx3xgjccpgx6dppeff', '{"bot":7000001,"offset":845000006,"at":1796033116}');
DELETE FROM "chats";
INSERT INTO "chats" VALUES (1, 1, 'con_hgcx3xgjccpgx6dppeff', 'main', 'telegram', '42', 'dm', 'User 42', 1, 24, 0, NULL, NULL, NULL);
INSERT INTO "chats" VALUES (2, 1, 'con_t0dc53kwjp0cpftdkrpa', 'main', 'alpha', 'room', 'group', 'The room', 2, 20, 0, NULL, NULL, NULL);
INSERT INTO "chats" VALUES (3, 1, 'con_v4mdanmj2xpfjn7e0q8q', 'mbx_x5wv0x9jjwkzgs4evex3', 'till', 'c1', 'dm', NULL, 3, 22, 0, NULL, NULL, NULL);
DELETE FROM "members";
INSERT INTO "members" VALUES (1, 'main', 7, 8, 7, 0, NULL, NULL);
INSERT INTO "members" VALUES (2, 'main', 18, 18, 18, 0, NULL, NULL);
INSERT INTO "members" VALUES (3, 'mbx_x5wv0x9jjwkzgs4evex3', 22, 0, 22, 0, NULL, NULL);
DELETE FROM "persons";
INSERT INTO "persons" VALUES (1, 1, NULL);
INSERT INTO "persons" VALUES (2, 1, NULL);
DELETE FROM "identities";
INSERT INTO "identities" VALUES ('telegram', '7000001', '42', 1, 0);
INSERT INTO "identities" VALUES ('till', 'mbx_x5wv0x9jjwkzgs4evex3', 'bo', 2, 0);
DELETE FROM "sessions";
INSERT INTO "sessions" VALUES (1, 1, 'main', 1, NULL);
INSERT INTO "sessions" VALUES (2, 1, 'main', NULL, 2);
INSERT INTO "sessions" VALUES (3, 1, 'mbx_x5wv0x9jjwkzgs4evex3', 2, NULL);
DELETE FROM "log";
INSERT INTO "log" VALUES (1, 1, 1, 'action', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796033116933, 'con_hgcx3xgjccpgx6dppeff', '42/1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"action","name":"start","argument":"ssf94w5f"}');
INSERT INTO "log" VALUES (2, 1, 1, 'message', '{"by":"system"}', 1, 0, 0, 1796033116935, 'con_hgcx3xgjccpgx6dppeff', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"Hello! Write to me and I will answer."}');
INSERT INTO "log" VALUES (3, 1, 1, 'message', '{"by":"person","id":"42","name":"User 42"}', 0, 1, 0, 1796033116944, 'con_hgcx3xgjccpgx6dppeff', '42/3', NULL, 5, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"good morning"}');
INSERT INTO "log" VALUES (4, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033116949, 'con_hgcx3xgjccpgx6dppeff', NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: good morning"}');
INSERT INTO "log" VALUES (5, 1, 1, 'edit', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796033116955, 'con_hgcx3xgjccpgx6dppeff', 'u845000003', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"edit","target":"42/3","content":{"text":"good morning to you"}}');
INSERT INTO "log" VALUES (6, 1, 1, 'reaction', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796033116955, 'con_hgcx3xgjccpgx6dppeff', 'u845000004', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"reaction","target":"42/3","emoji":["👍"]}');
INSERT INTO "log" VALUES (7, 1, 1, 'message', '{"by":"person","id":"42","name":"User 42"}', 0, 1, 0, 1796033116955, 'con_hgcx3xgjccpgx6dppeff', '42/5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_zh3a7qx8tkapb2ud42w2"}}]}');
INSERT INTO "log" VALUES (8, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033116968, 'con_hgcx3xgjccpgx6dppeff', NULL, NULL, NULL, NULL, 2, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: (file: notes.txt)","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_zh3a7qx8tkapb2ud42w2"}}]}');
INSERT INTO "log" VALUES (9, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796033116998, 'con_t0dc53kwjp0cpftdkrpa', 'e1', NULL, 11, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"there are horses outside"}');
INSERT INTO "log" VALUES (10, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033117001, 'con_t0dc53kwjp0cpftdkrpa', NULL, NULL, NULL, NULL, 3, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: there are horses outside"}');
INSERT INTO "log" VALUES (11, 1, 2, 'edit', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796033117008, 'con_t0dc53kwjp0cpftdkrpa', 'e2', 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"edit","target":"e1","content":{"text":"there are zebras outside"}}');
INSERT INTO "log" VALUES (12, 1, 2, 'reaction', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796033117011, 'con_t0dc53kwjp0cpftdkrpa', 'e3', 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"reaction","target":"e1","emoji":["👍"]}');
INSERT INTO "log" VALUES (13, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796033117012, NULL, NULL, 10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":10,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (14, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796033117016, 'con_t0dc53kwjp0cpftdkrpa', 'e4', NULL, 15, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"a mistake"}');
INSERT INTO "log" VALUES (15, 1, 2, 'delete', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796033117019, 'con_t0dc53kwjp0cpftdkrpa', 'e5', 14, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"delete","target":"e4"}');
INSERT INTO "log" VALUES (16, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033117019, 'con_t0dc53kwjp0cpftdkrpa', NULL, NULL, NULL, NULL, 4, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: a mistake"}');
INSERT INTO "log" VALUES (17, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796033117026, NULL, NULL, 16, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":16,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (18, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796033117034, 'con_t0dc53kwjp0cpftdkrpa', 'e6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"look","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_0kara0ka80c6z8wjhswv"}}]}');
INSERT INTO "log" VALUES (19, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033117045, 'con_t0dc53kwjp0cpftdkrpa', NULL, NULL, NULL, NULL, 5, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: look\n(file: a.txt)","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_0kara0ka80c6z8wjhswv"}}]}');
INSERT INTO "log" VALUES (20, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796033117070, NULL, NULL, 19, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":19,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (21, 1, 3, 'message', '{"by":"person","id":"bo"}', 0, 1, 0, 1796033117097, 'con_v4mdanmj2xpfjn7e0q8q', 's1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"one pound of apples"}');
INSERT INTO "log" VALUES (22, 1, 3, 'message', '{"by":"person","id":"bo"}', 0, 1, 0, 1796033117126, 'con_v4mdanmj2xpfjn7e0q8q', 's2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"and two of pears"}');
INSERT INTO "log" VALUES (23, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033117423, 'con_hgcx3xgjccpgx6dppeff', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"good evening"}');
INSERT INTO "log" VALUES (24, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796033117434, 'con_hgcx3xgjccpgx6dppeff', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"Lights out?"}');
DELETE FROM "raws";
INSERT INTO "raws" VALUES (1, '{"update_id":845000001,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033116,"text":"/start ssf94w5f","entities":[{"type":"bot_command","offset":0,"length":6}],"message_id":1}}');
INSERT INTO "raws" VALUES (3, '{"update_id":845000002,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033116,"text":"good morning","message_id":3}}');
INSERT INTO "raws" VALUES (5, '{"update_id":845000003,"edited_message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033116,"text":"good morning to you","message_id":3,"edit_date":1796033116}}');
INSERT INTO "raws" VALUES (6, '{"update_id":845000004,"message_reaction":{"chat":{"id":42,"type":"private","first_name":"User 42"},"message_id":3,"user":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"date":1796033116,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"}]}}');
INSERT INTO "raws" VALUES (7, '{"update_id":845000005,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033116,"document":{"file_id":"AgACAgIAAxkBAAF-000000","file_unique_id":"AQAD000000","file_size":10,"mime_type":"text/plain","file_name":"notes.txt"},"message_id":5}}');
INSERT INTO "raws" VALUES (9, '{"from":"a day"}');
INSERT INTO "raws" VALUES (11, '{"from":"a day"}');
INSERT INTO "raws" VALUES (12, '{"from":"a day"}');
INSERT INTO "raws" VALUES (14, '{"from":"a day"}');
INSERT INTO "raws" VALUES (15, '{"from":"a day"}');
INSERT INTO "raws" VALUES (18, '{"from":"a day"}');
DELETE FROM "lanes";
INSERT INTO "lanes" VALUES ('link', 'con_0auh5be6jbkw263buuvj', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('link', 'con_hgcx3xgjccpgx6dppeff', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('out', 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 12, 12, 'asleep', 5, NULL, 1796033119435, 1796033117434, 0);
INSERT INTO "lanes" VALUES ('turn', 'main', 'session/1', 7, 7, 'asleep', 2, NULL, 1796033118965, 1796033116964, 0);
INSERT INTO "lanes" VALUES ('link', 'con_t0dc53kwjp0cpftdkrpa', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('turn', 'main', 'session/2', 18, 18, 'asleep', 3, NULL, 1796033119034, 1796033117034, 0);
INSERT INTO "lanes" VALUES ('out', 'con_t0dc53kwjp0cpftdkrpa', 'chat/2', 6, 6, 'asleep', 3, NULL, 1796033119056, 1796033117045, 0);
INSERT INTO "lanes" VALUES ('link', 'con_v4mdanmj2xpfjn7e0q8q', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('push', 'sub_2g6bj0h4cvh8z2cndkrb', 'events', 10, 10, 'asleep', 2, NULL, 1796033119274, 1796033117132, 0);
INSERT INTO "lanes" VALUES ('push', 'mbx_x5wv0x9jjwkzgs4evex3', 'chat/3', 9, 9, 'asleep', 2, NULL, 1796033119126, 1796033117126, 0);
DELETE FROM "turns";
INSERT INTO "turns" VALUES (1, 'main', 'session/1', 1, 1, 3, 1, 3, 'done', NULL, NULL, '0', 1796033116944, 1796033116949);
INSERT INTO "turns" VALUES (2, 'main', 'session/1', 2, 1, 7, 1, 7, 'done', NULL, NULL, '0', 1796033116965, 1796033116968);
INSERT INTO "turns" VALUES (3, 'main', 'session/2', 1, 2, 9, 1, 9, 'done', NULL, NULL, '0', 1796033116998, 1796033117001);
INSERT INTO "turns" VALUES (4, 'main', 'session/2', 2, 2, 14, 1, 14, 'done', NULL, NULL, '0', 1796033117016, 1796033117019);
INSERT INTO "turns" VALUES (5, 'main', 'session/2', 3, 2, 18, 1, 18, 'done', NULL, NULL, '0', 1796033117034, 1796033117045);
DELETE FROM "outbox";
INSERT INTO "outbox" VALUES (1, 2, 0, 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796036716935, 1, 1796033116935, 1796033116941, '42/2', '{"message":"42/2"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"Hello! Write to me and I will answer."}]}]}');
INSERT INTO "outbox" VALUES (2, 4, 0, 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796036716949, 2, 1796033116949, 1796033116954, '42/4', '{"message":"42/4"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"You said: good morning"}]}]}');
INSERT INTO "outbox" VALUES (3, 8, 0, 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796036716968, 3, 1796033116968, 1796033116987, '42/6', '{"message":"42/6"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"You said: (file: notes.txt)"}]}],"attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_zh3a7qx8tkapb2ud42w2"}}]}');
INSERT INTO "outbox" VALUES (4, 10, 0, 'con_t0dc53kwjp0cpftdkrpa', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796036717001, 1, 1796033117001, 1796033117012, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: there are horses outside"}]}]}');
INSERT INTO "outbox" VALUES (5, 16, 0, 'con_t0dc53kwjp0cpftdkrpa', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796036717019, 2, 1796033117019, 1796033117026, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: a mistake"}]}]}');
INSERT INTO "outbox" VALUES (6, 19, 0, 'con_t0dc53kwjp0cpftdkrpa', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796036717045, 3, 1796033117045, 1796033117070, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: look"},"break",{"text":"(file: a.txt)"}]},{"paragraph":[{"text":"[file: a.txt]"}]}]}');
INSERT INTO "outbox" VALUES (7, 21, 0, 'sub_2g6bj0h4cvh8z2cndkrb', 'events', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796119517097, 1, 1796033117097, 1796033117121, NULL, '{"message":null}', NULL, '{"event":{"type":"new_chat","mailbox":"mbx_x5wv0x9jjwkzgs4evex3","chat":3,"connection":"con_v4mdanmj2xpfjn7e0q8q","delivery":null,"reason":null}}');
INSERT INTO "outbox" VALUES (8, 21, 0, 'mbx_x5wv0x9jjwkzgs4evex3', 'chat/3', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796637917097, 1, 1796033117097, 1796033117116, NULL, '{"message":null}', NULL, '{"focal":false}');
INSERT INTO "outbox" VALUES (9, 22, 0, 'mbx_x5wv0x9jjwkzgs4evex3', 'chat/3', 3, 'idempotent', 'failed', 0, NULL, NULL, 1796637917126, 2, 1796033117126, 1796033117132, NULL, NULL, 'the endpoint answered 400', '{"focal":false}');
INSERT INTO "outbox" VALUES (10, 22, 0, 'sub_2g6bj0h4cvh8z2cndkrb', 'events', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796119517132, 2, 1796033117132, 1796033117323, NULL, '{"message":null}', NULL, '{"event":{"type":"delivery_failed","mailbox":"mbx_x5wv0x9jjwkzgs4evex3","chat":3,"connection":null,"delivery":9,"reason":"the endpoint answered 400"}}');
INSERT INTO "outbox" VALUES (11, 23, 0, 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796036717423, 4, 1796033117423, 1796033117429, '42/7', '{"message":"42/7"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"good evening"}]}]}');
INSERT INTO "outbox" VALUES (12, 24, 0, 'con_hgcx3xgjccpgx6dppeff', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796036717434, 5, 1796033117434, 1796033117441, '42/8', '{"message":"42/8"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"Lights out?"}]}]}');
DELETE FROM "gates";
DELETE FROM "media";
DELETE FROM "idem";
INSERT INTO "idem" VALUES ('question/db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', NULL, 24, 1796637917434);
DELETE FROM "tokens";
INSERT INTO "tokens" VALUES ('cbx_nzq38r8u9u7pmta487gm', 1, '5a55acce082728c7cc449b568783c369f35f09ff26393d0ebc43664994059633', 'looks', '["admin"]', NULL);
INSERT INTO "tokens" VALUES ('inbound_34xg4n9ydtpucajtqg2p', 1, '3938348297fba766ac45d9b74ade4e0e0c88c0ea6e2609d4725b4f59eb9d4f35', 'con_v4mdanmj2xpfjn7e0q8q', '["inbound"]', NULL);
INSERT INTO "tokens" VALUES ('inbound_70706du3m6q230kp8nz8', 1, 'bacc896944e9e7facace8345734b1785a295bd88745930f674a791408f703827', 'con_t0dc53kwjp0cpftdkrpa', '["inbound"]', NULL);
INSERT INTO "tokens" VALUES ('mcp_0d6e4079e36703ebd37c', 1, '960f554ab922206451b9aa07e849c3bc09b2dc0523bca2a3ad133276e44f0fbb', 'main', '["mcp"]', NULL);
INSERT INTO "tokens" VALUES ('mcp_e0f6311ccf05a4229f5e', 1, 'e58e82b6506e9780402e77bbd9d28c26bce0f02d8523ef6feef309e2aeb5f1a3', 'mbx_x5wv0x9jjwkzgs4evex3', '["mcp"]', NULL);
DELETE FROM "records";
INSERT INTO "records" VALUES ('credential', 'crd_54p58srcheuatt3zwe8k', 1, 'signing of mbx_x5wv0x9jjwkzgs4evex3', 1, '[]', 1796033117078, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"24m+reLmnUX9VoBCf9bPi8+KQXJm28dCikj2uDddUTsWQm1A6MR98v1WXsJLQaIkxE5m9iO4wRl9fiCnqdSZ6MXBW47fa+XeBxHpjYEeamff7Nn1+LqBfBOT"}}');
INSERT INTO "records" VALUES ('credential', 'crd_pxje9b8rb5zb5hrw335g', 1, 'signing of sub_2g6bj0h4cvh8z2cndkrb', 1, '[]', 1796033117084, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"QWRd654RwPODfXgURa8seczfPwM9D6dJg97g3UWwJWvSu3eJ2yCTLwfGV+4d1bjgbuB+tcVnX+zys6BkUTNkePCO20WqIX/5m2OESA/BOF9TAW28TgndNhBf"}}');
INSERT INTO "records" VALUES ('credential', 'crd_y0qwmewku2dwbun9efpr', 1, 'signs', 1, '[]', 1796033117067, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"iFtqUa9N3qPFa2oAdgI2/WwbCxWqFNXgisuVS/HjrEOPkzzROx79Snh5QVYxiGyrtvOuBDatgVpJRwcczv2xjwMcXziJoF3IqSimP6hihpKxweotNw5TgIpd"}}');
INSERT INTO "records" VALUES ('mailbox', 'mbx_x5wv0x9jjwkzgs4evex3', 1, 'shop', 1, '["crd_54p58srcheuatt3zwe8k"]', 1796033117078, '{"webhook_url":"http://127.0.0.1:35023/hook","auth":null,"signing":["crd_54p58srcheuatt3zwe8k"],"templates":{"notification":"$TEXT"}}');
INSERT INTO "records" VALUES ('question', 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 1, 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 2, '[]', 1796033117433, '{"id":"lights","chat":1,"text":"Lights out?","choices":[],"until":1796033717432,"row":24,"end":null}');
INSERT INTO "records" VALUES ('subscription', 'sub_2g6bj0h4cvh8z2cndkrb', 1, 'sub_2g6bj0h4cvh8z2cndkrb', 1, '["crd_pxje9b8rb5zb5hrw335g"]', 1796033117084, '{"url":"http://127.0.0.1:35023/hook","signing":["crd_pxje9b8rb5zb5hrw335g"]}');
DELETE FROM "remembered";
INSERT INTO "remembered" VALUES ('6cf0671f8041d4afb35cfc61750c9421189efed0516fda8f2a348e4168a2ccb1', '1a25ade8b82b5eabc939e63fc0e461607b2bf04adf489452ea5c305406481fcc', '{"key":"630dcd2966c43366","sealed":"6ZlQ9lzAzNc3WRzS0+SGSnQolioRARfSSY87CNVZUM4LId1o/xD7ETpTnmv4RYB+m3v2CruC9tU/opnYkBgSSRGGadVYKOx7SX7SxL2JuJF/2g6lxMPUJrckbJzc1tBys6S0ubeUHn2D3oV/bYW2QO7FnTaS7MDqqyyhUrMeYjDIpzcu81mytxXtvalcr7Lf56lYweJEYEVHZEkIQo8rum6Ef256K44dMkgSxTnoY8iBcfuuvAu6GLqc99NBs5jFkd6zUF91e0ntk54J08vNuu7oLbPg2XOpnhgwCI+bLydb6mZ/"}', 1796119517067);
DELETE FROM "notes";
INSERT INTO "notes" VALUES (1, 1, 1796033116911, 'operator', 'add_connection', 'con_hgcx3xgjccpgx6dppeff');
INSERT INTO "notes" VALUES (2, 1, 1796033116992, 'operator', 'add_connection', 'con_t0dc53kwjp0cpftdkrpa');
INSERT INTO "notes" VALUES (3, 1, 1796033117067, 'operator', 'create_credential', 'crd_y0qwmewku2dwbun9efpr');
INSERT INTO "notes" VALUES (4, 1, 1796033117074, 'operator', 'create_token', 'cbx_nzq38r8u9u7pmta487gm');
INSERT INTO "notes" VALUES (5, 1, 1796033117078, 'operator', 'create_mailbox', 'mbx_x5wv0x9jjwkzgs4evex3');
INSERT INTO "notes" VALUES (6, 1, 1796033117084, 'operator', 'create_subscription', 'sub_2g6bj0h4cvh8z2cndkrb');
INSERT INTO "notes" VALUES (7, 1, 1796033117088, 'operator', 'add_connection', 'con_v4mdanmj2xpfjn7e0q8q');
INSERT INTO "notes" VALUES (8, 1, 1796033117375, 'operator', 'replace_mcp_token', 'main');
DELETE FROM "state";
INSERT INTO "state" VALUES ('con_t0dc53kwjp0cpftdkrpa', 'place', 1, '{"key":"630dcd2966c43366","sealed":"vWGx1CDp4XqpaFOQqwYyLsuX50b5RRxz0WQJHCEbODfwJFgZxOyXdN3DJci2Xw=="}');
DELETE FROM "cursors";
INSERT INTO "cursors" VALUES ('fts', 24);
DELETE FROM "words_data";
INSERT INTO "words_data" VALUES (1, X'0E36');
INSERT INTO "words_data" VALUES (10, X'00000000FF0000010101010001010101010100000E');
INSERT INTO "words_data" VALUES (137438953473, X'0000015C02306110020403020602026E64020206140202030473776572020209020570706C65731502050202726509020301020501076576656E696E67170203010466696C650802040B02050104676F6F64030202010204130202010568656C6C6F02020202056F727365730A020601016902020701066C696768747318020202036F6F6B12020201020401026D650202050206697374616B6510020502066F726E696E6703020301020501056E6F74657308020501026F6615020401020402026E65150202020275741802030404736964650902050102070105706561727316020502046F756E641502030104736169640402030402030202030602030302030105746865726509020201020402016F0202040102040202776F160203020278740802060B0207010477696C6C0202080204726974650202030103796F7503020501020204020202020206020203020201067A656272617309020404090A090A0A0C0C0F0A0A060B0B070B0E0A0A07070C0A09150D09070A090917');
DELETE FROM "words_idx";
INSERT INTO "words_idx" VALUES (1, X'', 2);
DELETE FROM "words_docsize";
INSERT INTO "words_docsize" VALUES (2, X'08', 1);
INSERT INTO "words_docsize" VALUES (3, X'04', 1);
INSERT INTO "words_docsize" VALUES (4, X'04', 1);
INSERT INTO "words_docsize" VALUES (7, X'00', 1);
INSERT INTO "words_docsize" VALUES (8, X'05', 1);
INSERT INTO "words_docsize" VALUES (9, X'04', 1);
INSERT INTO "words_docsize" VALUES (10, X'06', 1);
INSERT INTO "words_docsize" VALUES (16, X'04', 1);
INSERT INTO "words_docsize" VALUES (18, X'01', 1);
INSERT INTO "words_docsize" VALUES (19, X'06', 1);
INSERT INTO "words_docsize" VALUES (21, X'04', 1);
INSERT INTO "words_docsize" VALUES (22, X'04', 1);
INSERT INTO "words_docsize" VALUES (23, X'02', 1);
INSERT INTO "words_docsize" VALUES (24, X'02', 1);
DELETE FROM "words_config";
INSERT INTO "words_config" VALUES ('version', 4);
UPDATE sqlite_sequence SET seq = 12 WHERE name = 'outbox';
COMMIT;
