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
CREATE INDEX chats_reader ON chats (reader);
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
INSERT INTO "readers" VALUES ('main', 1, 'mailbox', 'main', 'pull', 'session', 1, 1, NULL, NULL, 'active', 0, NULL, 0, 1796029386069);
INSERT INTO "readers" VALUES ('mbx_h8gbk42fxhn6d6yw4mq6', 1, 'mailbox', 'shop', 'push', 'chat', NULL, 0, NULL, NULL, 'active', 1, NULL, 0, 1796029386405);
INSERT INTO "readers" VALUES ('sub_3u5nfqz2gc592khfec4y', 1, 'subscription', 'sub_3u5nfqz2gc592khfec4y', 'push', NULL, NULL, 0, NULL, NULL, 'active', 0, '["new_chat","delivery_failed"]', 0, 1796029386420);
DELETE FROM "connections";
INSERT INTO "connections" VALUES ('con_uxew2jgmawmpnapv9a6d', 1, 'main', 'webchat', 'main', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796029386071);
INSERT INTO "connections" VALUES ('con_0r977498gkbz3vrua4w5', 1, 'main', 'telegram', '7000001', 'active', 2, 0, '{"api_base":"http://127.0.0.1:37767"}', '{"trusted":false,"everyone":false,"owner":"42","allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', '{"key":"630dcd2966c43366","sealed":"BHMoz8QCY0cfFVpB7mMk2ozXsoKo+o6aaGrq5TTSJCRGwnhSEy9aNcciLucZyMzan0qmPr/M1jslq4mAPp30KHydgE+DI/r1t6zrTn30ay5Q"}', 1796029386220);
INSERT INTO "connections" VALUES ('con_cpd0wa7mhpxesvc87fa8', 1, 'main', 'alpha', 'main', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796029386327);
INSERT INTO "connections" VALUES ('con_45re5dk203hc9tpm8rpq', 1, 'mbx_h8gbk42fxhn6d6yw4mq6', 'till', 'mbx_h8gbk42fxhn6d6yw4mq6', 'active', 1, 0, '{}', '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', NULL, 1796029386440);
DELETE FROM "resumes";
INSERT INTO "resumes" VALUES ('con_0r977498gkbz3vrua4w5', '{"bot":7000001,"offset":845000006,"at":1796029386}');
DELETE FROM "chats";
INSERT INTO "chats" VALUES (1, 1, 'con_0r977498gkbz3vrua4w5', 'main', 'telegram', '42', 'dm', 'User 42', 1, 24, 0, NULL, NULL, NULL);
INSERT INTO "chats" VALUES (2, 1, 'con_cpd0wa7mhpxesvc87fa8', 'main', 'alpha', 'room', 'group', 'The room', 2, 20, 0, NULL, NULL, NULL);
INSERT INTO "chats" VALUES (3, 1, 'con_45re5dk203hc9tpm8rpq', 'mbx_h8gbk42fxhn6d6yw4mq6', 'till', 'c1', 'dm', NULL, 3, 22, 0, NULL, NULL, NULL);
DELETE FROM "members";
INSERT INTO "members" VALUES (1, 'main', 7, 8, 7, 0, NULL, NULL);
INSERT INTO "members" VALUES (2, 'main', 18, 18, 18, 0, NULL, NULL);
INSERT INTO "members" VALUES (3, 'mbx_h8gbk42fxhn6d6yw4mq6', 22, 0, 22, 0, NULL, NULL);
DELETE FROM "persons";
INSERT INTO "persons" VALUES (1, 1, NULL);
INSERT INTO "persons" VALUES (2, 1, NULL);
DELETE FROM "identities";
INSERT INTO "identities" VALUES ('telegram', '7000001', '42', 1, 0);
INSERT INTO "identities" VALUES ('till', 'mbx_h8gbk42fxhn6d6yw4mq6', 'bo', 2, 0);
DELETE FROM "sessions";
INSERT INTO "sessions" VALUES (1, 1, 'main', 1, NULL);
INSERT INTO "sessions" VALUES (2, 1, 'main', NULL, 2);
INSERT INTO "sessions" VALUES (3, 1, 'mbx_h8gbk42fxhn6d6yw4mq6', 2, NULL);
DELETE FROM "log";
INSERT INTO "log" VALUES (1, 1, 1, 'action', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796029386277, 'con_0r977498gkbz3vrua4w5', '42/1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"action","name":"start","argument":"haz8yhwj"}');
INSERT INTO "log" VALUES (2, 1, 1, 'message', '{"by":"system"}', 1, 0, 0, 1796029386281, 'con_0r977498gkbz3vrua4w5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"Hello! Write to me and I will answer."}');
INSERT INTO "log" VALUES (3, 1, 1, 'message', '{"by":"person","id":"42","name":"User 42"}', 0, 1, 0, 1796029386289, 'con_0r977498gkbz3vrua4w5', '42/3', NULL, 5, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"good morning"}');
INSERT INTO "log" VALUES (4, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386292, 'con_0r977498gkbz3vrua4w5', NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: good morning"}');
INSERT INTO "log" VALUES (5, 1, 1, 'edit', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796029386302, 'con_0r977498gkbz3vrua4w5', 'u845000003', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"edit","target":"42/3","content":{"text":"good morning to you"}}');
INSERT INTO "log" VALUES (6, 1, 1, 'reaction', '{"by":"person","id":"42","name":"User 42"}', 0, 0, 0, 1796029386302, 'con_0r977498gkbz3vrua4w5', 'u845000004', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"reaction","target":"42/3","emoji":["👍"]}');
INSERT INTO "log" VALUES (7, 1, 1, 'message', '{"by":"person","id":"42","name":"User 42"}', 0, 1, 0, 1796029386302, 'con_0r977498gkbz3vrua4w5', '42/5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_y6ra3seektkcmfdnfdzf"}}]}');
INSERT INTO "log" VALUES (8, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386316, 'con_0r977498gkbz3vrua4w5', NULL, NULL, NULL, NULL, 2, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: (file: notes.txt)","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_y6ra3seektkcmfdnfdzf"}}]}');
INSERT INTO "log" VALUES (9, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796029386342, 'con_cpd0wa7mhpxesvc87fa8', 'e1', NULL, 10, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"there are horses outside"}');
INSERT INTO "log" VALUES (10, 1, 2, 'edit', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796029386352, 'con_cpd0wa7mhpxesvc87fa8', 'e2', 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"edit","target":"e1","content":{"text":"there are zebras outside"}}');
INSERT INTO "log" VALUES (11, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386352, 'con_cpd0wa7mhpxesvc87fa8', NULL, NULL, NULL, NULL, 3, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: there are horses outside"}');
INSERT INTO "log" VALUES (12, 1, 2, 'reaction', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796029386356, 'con_cpd0wa7mhpxesvc87fa8', 'e3', 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"reaction","target":"e1","emoji":["👍"]}');
INSERT INTO "log" VALUES (13, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796029386358, NULL, NULL, 11, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":11,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (14, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796029386359, 'con_cpd0wa7mhpxesvc87fa8', 'e4', NULL, 16, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"a mistake"}');
INSERT INTO "log" VALUES (15, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386364, 'con_cpd0wa7mhpxesvc87fa8', NULL, NULL, NULL, NULL, 4, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: a mistake"}');
INSERT INTO "log" VALUES (16, 1, 2, 'delete', '{"by":"person","id":"ann","name":"Ann"}', 0, 0, 0, 1796029386365, 'con_cpd0wa7mhpxesvc87fa8', 'e5', 14, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"delete","target":"e4"}');
INSERT INTO "log" VALUES (17, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796029386371, NULL, NULL, 15, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":15,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (18, 1, 2, 'message', '{"by":"person","id":"ann","name":"Ann"}', 0, 1, 0, 1796029386373, 'con_cpd0wa7mhpxesvc87fa8', 'e6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"look","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_cdyhqcd69hmpmcc4asgn"}}]}');
INSERT INTO "log" VALUES (19, 1, 2, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386381, 'con_cpd0wa7mhpxesvc87fa8', NULL, NULL, NULL, NULL, 5, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"You said: look\n(file: a.txt)","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_cdyhqcd69hmpmcc4asgn"}}]}');
INSERT INTO "log" VALUES (20, 1, 2, 'outcome', '{"by":"system"}', 0, 0, 0, 1796029386393, NULL, NULL, 19, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"outcome","of":19,"state":"failed","reason":"nothing can be sent to alpha"}');
INSERT INTO "log" VALUES (21, 1, 3, 'message', '{"by":"person","id":"bo"}', 0, 1, 0, 1796029386486, 'con_45re5dk203hc9tpm8rpq', 's1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"one pound of apples"}');
INSERT INTO "log" VALUES (22, 1, 3, 'message', '{"by":"person","id":"bo"}', 0, 1, 0, 1796029386500, 'con_45re5dk203hc9tpm8rpq', 's2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"and two of pears"}');
INSERT INTO "log" VALUES (23, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386817, 'con_0r977498gkbz3vrua4w5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"good evening"}');
INSERT INTO "log" VALUES (24, 1, 1, 'message', '{"by":"mailbox","id":"main"}', 1, 0, 0, 1796029386832, 'con_0r977498gkbz3vrua4w5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{"kind":"message","text":"Lights out?"}');
DELETE FROM "raws";
INSERT INTO "raws" VALUES (1, '{"update_id":845000001,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796029386,"text":"/start haz8yhwj","entities":[{"type":"bot_command","offset":0,"length":6}],"message_id":1}}');
INSERT INTO "raws" VALUES (3, '{"update_id":845000002,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796029386,"text":"good morning","message_id":3}}');
INSERT INTO "raws" VALUES (5, '{"update_id":845000003,"edited_message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796029386,"text":"good morning to you","message_id":3,"edit_date":1796029386}}');
INSERT INTO "raws" VALUES (6, '{"update_id":845000004,"message_reaction":{"chat":{"id":42,"type":"private","first_name":"User 42"},"message_id":3,"user":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"date":1796029386,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"}]}}');
INSERT INTO "raws" VALUES (7, '{"update_id":845000005,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796029386,"document":{"file_id":"AgACAgIAAxkBAAF-000000","file_unique_id":"AQAD000000","file_size":10,"mime_type":"text/plain","file_name":"notes.txt"},"message_id":5}}');
INSERT INTO "raws" VALUES (9, '{"from":"a day"}');
INSERT INTO "raws" VALUES (10, '{"from":"a day"}');
INSERT INTO "raws" VALUES (12, '{"from":"a day"}');
INSERT INTO "raws" VALUES (14, '{"from":"a day"}');
INSERT INTO "raws" VALUES (16, '{"from":"a day"}');
INSERT INTO "raws" VALUES (18, '{"from":"a day"}');
DELETE FROM "lanes";
INSERT INTO "lanes" VALUES ('link', 'con_uxew2jgmawmpnapv9a6d', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('link', 'con_0r977498gkbz3vrua4w5', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('out', 'con_0r977498gkbz3vrua4w5', 'chat/1', 12, 12, 'asleep', 4, NULL, 1796029388818, 1796029386832, 0);
INSERT INTO "lanes" VALUES ('turn', 'main', 'session/1', 7, 7, 'asleep', 2, NULL, 1796029388314, 1796029386313, 0);
INSERT INTO "lanes" VALUES ('link', 'con_cpd0wa7mhpxesvc87fa8', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('turn', 'main', 'session/2', 18, 18, 'asleep', 3, NULL, 1796029388373, 1796029386373, 0);
INSERT INTO "lanes" VALUES ('out', 'con_cpd0wa7mhpxesvc87fa8', 'chat/2', 6, 6, 'asleep', 3, NULL, 1796029388383, 1796029386381, 0);
INSERT INTO "lanes" VALUES ('link', 'con_45re5dk203hc9tpm8rpq', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0);
INSERT INTO "lanes" VALUES ('push', 'sub_3u5nfqz2gc592khfec4y', 'events', 10, 10, 'asleep', 2, NULL, 1796029388640, 1796029386508, 0);
INSERT INTO "lanes" VALUES ('push', 'mbx_h8gbk42fxhn6d6yw4mq6', 'chat/3', 9, 9, 'asleep', 2, NULL, 1796029388500, 1796029386500, 0);
DELETE FROM "turns";
INSERT INTO "turns" VALUES (1, 'main', 'session/1', 1, 1, 3, 1, 3, 'done', NULL, NULL, '0', 1796029386289, 1796029386292);
INSERT INTO "turns" VALUES (2, 'main', 'session/1', 2, 1, 7, 1, 7, 'done', NULL, NULL, '0', 1796029386314, 1796029386316);
INSERT INTO "turns" VALUES (3, 'main', 'session/2', 1, 2, 9, 1, 9, 'done', NULL, NULL, '0', 1796029386342, 1796029386352);
INSERT INTO "turns" VALUES (4, 'main', 'session/2', 2, 2, 14, 1, 14, 'done', NULL, NULL, '0', 1796029386359, 1796029386364);
INSERT INTO "turns" VALUES (5, 'main', 'session/2', 3, 2, 18, 1, 18, 'done', NULL, NULL, '0', 1796029386373, 1796029386381);
DELETE FROM "outbox";
INSERT INTO "outbox" VALUES (1, 2, 0, 'con_0r977498gkbz3vrua4w5', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796032986281, 1, 1796029386281, 1796029386288, '42/2', '{"message":"42/2"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"Hello! Write to me and I will answer."}]}]}');
INSERT INTO "outbox" VALUES (2, 4, 0, 'con_0r977498gkbz3vrua4w5', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796032986292, 2, 1796029386292, 1796029386300, '42/4', '{"message":"42/4"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"You said: good morning"}]}]}');
INSERT INTO "outbox" VALUES (3, 8, 0, 'con_0r977498gkbz3vrua4w5', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796032986316, 3, 1796029386316, 1796029386328, '42/6', '{"message":"42/6"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"You said: (file: notes.txt)"}]}],"attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_y6ra3seektkcmfdnfdzf"}}]}');
INSERT INTO "outbox" VALUES (4, 11, 0, 'con_cpd0wa7mhpxesvc87fa8', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796032986352, 1, 1796029386352, 1796029386358, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: there are horses outside"}]}]}');
INSERT INTO "outbox" VALUES (5, 15, 0, 'con_cpd0wa7mhpxesvc87fa8', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796032986364, 2, 1796029386364, 1796029386371, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: a mistake"}]}]}');
INSERT INTO "outbox" VALUES (6, 19, 0, 'con_cpd0wa7mhpxesvc87fa8', 'chat/2', 2, 'idempotent', 'failed', 0, NULL, NULL, 1796032986381, 3, 1796029386381, 1796029386393, NULL, NULL, 'nothing can be sent to alpha', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: look"},"break",{"text":"(file: a.txt)"}]},{"paragraph":[{"text":"[file: a.txt]"}]}]}');
INSERT INTO "outbox" VALUES (7, 21, 0, 'sub_3u5nfqz2gc592khfec4y', 'events', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796115786486, 1, 1796029386486, 1796029386498, NULL, '{"message":null}', NULL, '{"event":{"type":"new_chat","mailbox":"mbx_h8gbk42fxhn6d6yw4mq6","chat":3,"connection":"con_45re5dk203hc9tpm8rpq","delivery":null,"reason":null}}');
INSERT INTO "outbox" VALUES (8, 21, 0, 'mbx_h8gbk42fxhn6d6yw4mq6', 'chat/3', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796634186486, 1, 1796029386486, 1796029386497, NULL, '{"message":null}', NULL, '{"focal":false}');
INSERT INTO "outbox" VALUES (9, 22, 0, 'mbx_h8gbk42fxhn6d6yw4mq6', 'chat/3', 3, 'idempotent', 'failed', 0, NULL, NULL, 1796634186500, 2, 1796029386500, 1796029386508, NULL, NULL, 'the endpoint answered 400', '{"focal":false}');
INSERT INTO "outbox" VALUES (10, 22, 0, 'sub_3u5nfqz2gc592khfec4y', 'events', 3, 'idempotent', 'delivered', 0, NULL, NULL, 1796115786508, 2, 1796029386508, 1796029386750, NULL, '{"message":null}', NULL, '{"event":{"type":"delivery_failed","mailbox":"mbx_h8gbk42fxhn6d6yw4mq6","chat":3,"connection":null,"delivery":9,"reason":"the endpoint answered 400"}}');
INSERT INTO "outbox" VALUES (11, 23, 0, 'con_0r977498gkbz3vrua4w5', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796032986817, 4, 1796029386817, 1796029386836, '42/7', '{"message":"42/7"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"good evening"}]}]}');
INSERT INTO "outbox" VALUES (12, 24, 0, 'con_0r977498gkbz3vrua4w5', 'chat/1', 1, 'ambiguous', 'delivered', 0, NULL, NULL, 1796032986832, 4, 1796029386832, 1796029386849, '42/8', '{"message":"42/8"}', NULL, '{"verb":"send","markup":[{"paragraph":[{"text":"Lights out?"}]}]}');
DELETE FROM "gates";
DELETE FROM "media";
DELETE FROM "idem";
INSERT INTO "idem" VALUES ('question/db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', NULL, 24, 1796634186832);
DELETE FROM "tokens";
INSERT INTO "tokens" VALUES ('cbx_tgavbwmkukh80wa20sw7', 1, '0ccaf8d9041ab220fbf1dbc2d0070d017e4cfcfe98005b638bd4b102e8337f5c', 'looks', '["admin"]', NULL);
INSERT INTO "tokens" VALUES ('inbound_k8gagd80ajkvcss3c4qg', 1, '9c5e39d51a049993b9b7361979adb035bf424e019058c6cdc018fc169f859ffe', 'con_cpd0wa7mhpxesvc87fa8', '["inbound"]', NULL);
INSERT INTO "tokens" VALUES ('inbound_n497b6z745d70wzfkn7a', 1, '3b114929e9a0f92d01e4191ee3105ae93ee7990a44ff9dc1263f8547430c3010', 'con_45re5dk203hc9tpm8rpq', '["inbound"]', NULL);
INSERT INTO "tokens" VALUES ('mcp_0d6e4079e36703ebd37c', 1, '6d1a1484abcc84d8f56bb1504bfb05257fef08388e0b6527ecf25e2d0f4b55a1', 'main', '["mcp"]', NULL);
INSERT INTO "tokens" VALUES ('mcp_8c84360e8f7c11a24da1', 1, 'fb2190625a23dac6c5b826850f2954269f7902ab6fea38bf7d9fd0e8cd4f4e11', 'mbx_h8gbk42fxhn6d6yw4mq6', '["mcp"]', NULL);
DELETE FROM "records";
INSERT INTO "records" VALUES ('credential', 'crd_dzfdeh7gtkk08yy7wm9a', 1, 'signs', 1, '[]', 1796029386387, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"PABqQVuN3KxrB9X3ByvwsXHE3FmfvNUbjua12LYDorDkMkSywiOP0VV71hj8XfR9RkwtIgA2IIsJNoxpp/vZPVDELW55ZYjKlCQHO10yzrZ/mPB2elolZpr+"}}');
INSERT INTO "records" VALUES ('credential', 'crd_f62h00pwrkb4pmbx0ca6', 1, 'signing of mbx_h8gbk42fxhn6d6yw4mq6', 1, '[]', 1796029386405, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"tx0drqjRAqQr6APxRj81JuhA2BPu+fpjSeV+Uh6SrcZolM/GEa8zO8LLC/JWku1zjQ1Ai/mRDxrcDA/bngRjmn01HAhGNIWwFb9FZQFlstV+o1UFLdUeYx55"}}');
INSERT INTO "records" VALUES ('credential', 'crd_s3ta4za83wsmbu50rtwu', 1, 'signing of sub_3u5nfqz2gc592khfec4y', 1, '[]', 1796029386420, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"BGI2KZ0mvlzbIFCA2i0yNQp/OMgp1FNr/9sslrRcB3yqE+1H5BBA25u8Gl67EvOQtCokVujkAIej1RFCYESl9L17thpy69vSk7etwbAmqlaqT+10lHacWZ/G"}}');
INSERT INTO "records" VALUES ('mailbox', 'mbx_h8gbk42fxhn6d6yw4mq6', 1, 'shop', 1, '["crd_f62h00pwrkb4pmbx0ca6"]', 1796029386405, '{"webhook_url":"http://127.0.0.1:45991/hook","auth":null,"signing":["crd_f62h00pwrkb4pmbx0ca6"],"templates":{"notification":"$TEXT"}}');
INSERT INTO "records" VALUES ('question', 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 1, 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 2, '[]', 1796029386826, '{"id":"lights","chat":1,"text":"Lights out?","choices":[],"until":1796029986825,"row":24,"end":null}');
INSERT INTO "records" VALUES ('subscription', 'sub_3u5nfqz2gc592khfec4y', 1, 'sub_3u5nfqz2gc592khfec4y', 1, '["crd_s3ta4za83wsmbu50rtwu"]', 1796029386420, '{"url":"http://127.0.0.1:45991/hook","signing":["crd_s3ta4za83wsmbu50rtwu"]}');
DELETE FROM "remembered";
INSERT INTO "remembered" VALUES ('6cf0671f8041d4afb35cfc61750c9421189efed0516fda8f2a348e4168a2ccb1', '1a25ade8b82b5eabc939e63fc0e461607b2bf04adf489452ea5c305406481fcc', '{"key":"630dcd2966c43366","sealed":"oFuFbx9VR9oZw8JGMZ8d5dHlmE38+TFUD792mHt5oY+5KqeEDJj19ol1PJOeJ2xk6DhZVACpum51WqIFxHc1LdOINHeL3arzyxz+ae6hAVsIbUXTJz2kLNkDkrvZ1CKnbCy8yXfuRBhAO+jrAWDhCPAfPECG8TeL2lAx3v0ODjUAQJinorF3G9YM5/44CGNERgRkS34pWLdMMayql51qrk/Jb4rIsLeEFgLlhvZBVt+NpdVCALXi+7qim9Q7pNi/pek0CVAvR8pPFLHztdHXOzeGJPODAJLPDrHPe6tgqyuqISpZ"}', 1796115786387);
DELETE FROM "notes";
INSERT INTO "notes" VALUES (1, 1, 1796029386229, 'operator', 'add_connection', 'con_0r977498gkbz3vrua4w5');
INSERT INTO "notes" VALUES (2, 1, 1796029386340, 'operator', 'add_connection', 'con_cpd0wa7mhpxesvc87fa8');
INSERT INTO "notes" VALUES (3, 1, 1796029386387, 'operator', 'create_credential', 'crd_dzfdeh7gtkk08yy7wm9a');
INSERT INTO "notes" VALUES (4, 1, 1796029386397, 'operator', 'create_token', 'cbx_tgavbwmkukh80wa20sw7');
INSERT INTO "notes" VALUES (5, 1, 1796029386405, 'operator', 'create_mailbox', 'mbx_h8gbk42fxhn6d6yw4mq6');
INSERT INTO "notes" VALUES (6, 1, 1796029386420, 'operator', 'create_subscription', 'sub_3u5nfqz2gc592khfec4y');
INSERT INTO "notes" VALUES (7, 1, 1796029386483, 'operator', 'add_connection', 'con_45re5dk203hc9tpm8rpq');
INSERT INTO "notes" VALUES (8, 1, 1796029386768, 'operator', 'replace_mcp_token', 'main');
DELETE FROM "state";
INSERT INTO "state" VALUES ('con_cpd0wa7mhpxesvc87fa8', 'place', 1, '{"key":"630dcd2966c43366","sealed":"VFlOjghCZXvvg9EhJX3gGjMJmwDud0SZshN0y/TiYAGBLMPqy2MH7R4dQ0kFdQ=="}');
DELETE FROM "cursors";
INSERT INTO "cursors" VALUES ('fts', 24);
DELETE FROM "words_data";
INSERT INTO "words_data" VALUES (1, X'0E36');
INSERT INTO "words_data" VALUES (10, X'00000000FF0000010101010001010101010100000E');
INSERT INTO "words_data" VALUES (137438953473, X'0000015C0230610F020404020602026E64020206140202030473776572020209020570706C65731502050202726509020302020501076576656E696E67170203010466696C650802040B02050104676F6F64030202010204130202010568656C6C6F02020202056F727365730B020601016902020701066C696768747318020202036F6F6B12020201020401026D650202050206697374616B650F020502066F726E696E6703020301020501056E6F74657308020501026F6615020401020402026E65150202020275741802030404736964650902050202070105706561727316020502046F756E641502030104736169640402030402030302030402030402030105746865726509020202020402016F0202040102040202776F160203020278740802060B0207010477696C6C0202080204726974650202030103796F7503020501020204020203020204020204020201067A656272617309020404090A090A0A0C0C0F0A0A060B0B070B0E0A0A07070C0A09150D09070A090917');
DELETE FROM "words_idx";
INSERT INTO "words_idx" VALUES (1, X'', 2);
DELETE FROM "words_docsize";
INSERT INTO "words_docsize" VALUES (2, X'08', 1);
INSERT INTO "words_docsize" VALUES (3, X'04', 1);
INSERT INTO "words_docsize" VALUES (4, X'04', 1);
INSERT INTO "words_docsize" VALUES (7, X'00', 1);
INSERT INTO "words_docsize" VALUES (8, X'05', 1);
INSERT INTO "words_docsize" VALUES (9, X'04', 1);
INSERT INTO "words_docsize" VALUES (11, X'06', 1);
INSERT INTO "words_docsize" VALUES (15, X'04', 1);
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
