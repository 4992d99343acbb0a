-- Version 1 of the tables. Ids and names compare byte by byte. Times are milliseconds by this server's clock.

CREATE TABLE head (                      -- locked first by everything that appends: positions follow commit order
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq      bigint NOT NULL DEFAULT 0,
  chat     bigint NOT NULL DEFAULT 0,
  session  bigint NOT NULL DEFAULT 0,
  person   bigint NOT NULL DEFAULT 0,
  delivery bigint NOT NULL DEFAULT 0
);
INSERT INTO head DEFAULT VALUES;

CREATE TABLE accounts (id text COLLATE "C" PRIMARY KEY);

CREATE TABLE readers (                   -- mailboxes, humans, and subscriptions to service events
  id         text COLLATE "C" PRIMARY KEY,
  account    text COLLATE "C" NOT NULL,
  kind       text NOT NULL,
  name       text NOT NULL,
  door       text,
  scope      text,
  focal      bigint,
  focus_rev  bigint NOT NULL DEFAULT 0,
  recap_from bigint,
  recap_to   bigint,
  status     text NOT NULL DEFAULT 'active',
  fails      integer NOT NULL DEFAULT 0,
  events     text,                       -- of a subscription: which kinds
  dropped    bigint NOT NULL DEFAULT 0,
  at         bigint NOT NULL DEFAULT 0,
  UNIQUE (account, kind, name)
);

CREATE TABLE connections (
  id         text COLLATE "C" PRIMARY KEY,
  account    text COLLATE "C" NOT NULL,
  reader     text COLLATE "C" NOT NULL,
  platform   text COLLATE "C" NOT NULL,
  ident      text COLLATE "C" NOT NULL,
  settings   text NOT NULL,
  secret     text,
  policy     text NOT NULL,
  policy_rev bigint NOT NULL DEFAULT 1,
  cursor     text,
  status     text NOT NULL DEFAULT 'active',
  fence      bigint NOT NULL DEFAULT 0   -- of its link lane
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ON connections (reader, platform) WHERE status = 'active';
CREATE UNIQUE INDEX ON connections (platform, ident) WHERE status = 'active';

CREATE TABLE chats (
  id       bigint PRIMARY KEY,
  account  text COLLATE "C" NOT NULL,
  conn     text COLLATE "C",
  mailbox  text COLLATE "C",
  platform text COLLATE "C" NOT NULL,
  handle   text COLLATE "C" NOT NULL,
  kind     text NOT NULL,
  name     text,
  caps     text,
  session  bigint,
  head     bigint NOT NULL DEFAULT 0,
  woken    bigint NOT NULL DEFAULT 0,    -- the newest row that starts a turn
  sealed   boolean NOT NULL DEFAULT false,
  moved_to bigint,
  state    text NOT NULL DEFAULT 'active'
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ON chats (conn, handle) WHERE conn IS NOT NULL;
CREATE UNIQUE INDEX ON chats (account, platform, handle) WHERE conn IS NULL;
CREATE INDEX ON chats (mailbox, head);
CREATE INDEX ON chats (session);

CREATE TABLE members (
  chat    bigint NOT NULL,
  reader  text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  handed  bigint NOT NULL DEFAULT 0,
  seen    bigint NOT NULL DEFAULT 0,
  muted   boolean NOT NULL DEFAULT false,
  view    text,
  role    text,
  PRIMARY KEY (chat, reader)
) WITH (fillfactor = 70);
CREATE INDEX ON members (reader, chat);

CREATE TABLE persons (
  id      bigint PRIMARY KEY,
  account text COLLATE "C" NOT NULL,
  "into"  bigint
);

CREATE TABLE identities (
  platform text COLLATE "C" NOT NULL,
  ident    text COLLATE "C" NOT NULL,
  ext      text COLLATE "C" NOT NULL,
  account  text COLLATE "C" NOT NULL,
  person   bigint NOT NULL,
  verified boolean NOT NULL DEFAULT false,
  PRIMARY KEY (platform, ident, ext)
);

CREATE TABLE sessions (
  id      bigint PRIMARY KEY,
  account text COLLATE "C" NOT NULL,
  reader  text COLLATE "C" NOT NULL,
  person  bigint,
  chat    bigint
);
CREATE UNIQUE INDEX ON sessions (reader, person) WHERE person IS NOT NULL;
CREATE UNIQUE INDEX ON sessions (reader, chat) WHERE chat IS NOT NULL;

CREATE TABLE log (
  seq         bigint PRIMARY KEY,
  account     text COLLATE "C" NOT NULL,
  chat        bigint,
  kind        text NOT NULL,
  by          text NOT NULL,             -- person, mailbox or system
  author      text NOT NULL,
  author_name text,
  root        bigint,
  hops        integer NOT NULL DEFAULT 0,
  conn        text COLLATE "C",
  event_id    text COLLATE "C",
  target      bigint,
  grp         text,
  turn        bigint,
  "out"       boolean NOT NULL,
  late        boolean NOT NULL,
  wakes       boolean NOT NULL,
  cur_seq     bigint,                    -- the row that holds its newest body; the only column that changes
  hash        bytea,
  at          bigint NOT NULL
);
CREATE UNIQUE INDEX ON log (conn, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX ON log (chat, seq);
CREATE INDEX ON log (target) WHERE target IS NOT NULL;
CREATE INDEX ON log (turn) WHERE turn IS NOT NULL;

CREATE TABLE content (                   -- erasable
  seq   bigint PRIMARY KEY,
  body  text NOT NULL,                   -- as it was said; where its files are now is in media
  raw   text,
  salt  bytea,
  files integer NOT NULL DEFAULT 0
);

CREATE TABLE media (                     -- the files of a body, in order
  seq    bigint NOT NULL,
  idx    integer NOT NULL,
  state  text NOT NULL,
  place  text NOT NULL,
  source text,
  name   text NOT NULL,
  mime   text NOT NULL,
  size   bigint,
  hash   bytea,
  PRIMARY KEY (seq, idx)
);
CREATE INDEX ON media (seq) WHERE state = 'pending';

CREATE SEQUENCE turn_ids;

CREATE TABLE lanes (
  kind     text COLLATE "C" NOT NULL,    -- turn, out, push or link
  owner    text COLLATE "C" NOT NULL,
  key      text COLLATE "C" NOT NULL,
  wanted   bigint NOT NULL,
  done     bigint NOT NULL,
  state    text NOT NULL,                -- asleep or busy
  fence    bigint NOT NULL,
  holder   text,
  until    bigint NOT NULL,
  due      bigint NOT NULL,
  attempts integer NOT NULL,
  turn     bigint,                       -- the turn of the newest claim
  PRIMARY KEY (kind, owner, key)
) WITH (fillfactor = 50);
CREATE INDEX ON lanes (kind, due) WHERE state = 'asleep' AND wanted > done;
CREATE INDEX ON lanes (kind, until) WHERE state = 'busy';

CREATE TABLE turns (
  id      bigint PRIMARY KEY,
  owner   text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  fence   bigint NOT NULL,
  head    bigint NOT NULL,               -- the newest row when it was claimed
  chat    bigint,
  upto    bigint,
  attempt integer NOT NULL,
  state   text NOT NULL,
  reason  text,
  draft   text,
  usage   bigint,
  at      bigint NOT NULL,
  UNIQUE (owner, key, fence)
);
CREATE INDEX ON turns (chat, upto);

CREATE TABLE outbox (
  id       bigint PRIMARY KEY,
  account  text COLLATE "C" NOT NULL,
  seq      bigint NOT NULL,
  part     integer NOT NULL,
  chat     bigint NOT NULL,
  owner    text COLLATE "C" NOT NULL,
  key      text COLLATE "C" NOT NULL,
  class    text NOT NULL,
  verb     text NOT NULL,
  payload  text NOT NULL,
  focal    boolean NOT NULL DEFAULT false,
  state    text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due      bigint,
  expires  bigint NOT NULL,
  fence    bigint,
  receipt  text COLLATE "C",             -- what the platform calls it
  degraded text,
  reason   text,
  at       bigint NOT NULL,
  since    bigint NOT NULL               -- in its state
);
CREATE INDEX ON outbox (owner, key, id) WHERE state IN ('queued', 'custody');
CREATE INDEX ON outbox (owner, receipt) WHERE receipt IS NOT NULL;
CREATE INDEX ON outbox (seq);

CREATE TABLE gates (
  id          bigint PRIMARY KEY,
  account     text COLLATE "C" NOT NULL,
  turn        bigint NOT NULL,
  action_hash text NOT NULL,
  shown       text NOT NULL,
  approvers   text NOT NULL,
  state       text NOT NULL,
  until       bigint NOT NULL,
  answer_seq  bigint
);
CREATE TABLE idem (
  key       text COLLATE "C" PRIMARY KEY,
  body_hash text,
  reply     bigint,
  until     bigint
);
CREATE TABLE tokens (
  prefix    text COLLATE "C" PRIMARY KEY,
  account   text COLLATE "C" NOT NULL,
  hash      text NOT NULL,
  principal text NOT NULL,
  scopes    text NOT NULL,
  until     bigint
);
CREATE TABLE records (                   -- what people set up and the engine only keeps
  kind    text COLLATE "C" NOT NULL,     -- mailbox, credential or subscription
  id      text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  name    text NOT NULL,
  rev     bigint NOT NULL,
  uses    text NOT NULL,                 -- the credentials it names
  at      bigint NOT NULL,
  body    text NOT NULL,
  PRIMARY KEY (kind, id),
  UNIQUE (account, kind, name)
);
CREATE TABLE remembered (                -- replies to requests that may be repeated
  key   text COLLATE "C" PRIMARY KEY,
  asked text NOT NULL,
  reply text NOT NULL,
  until bigint NOT NULL
);
CREATE INDEX ON remembered (until);
CREATE TABLE notes (                     -- who did what
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account text COLLATE "C" NOT NULL,
  at      bigint NOT NULL,
  by      text NOT NULL,
  action  text NOT NULL,
  target  text NOT NULL
);
CREATE INDEX ON notes (account, id);
CREATE TABLE state (
  conn text COLLATE "C" NOT NULL,
  key  text COLLATE "C" NOT NULL,
  rev  bigint NOT NULL,
  box  text NOT NULL,
  PRIMARY KEY (conn, key)
);
CREATE TABLE cursors (                   -- readers that trail the log
  name text COLLATE "C" PRIMARY KEY,
  seq  bigint NOT NULL
);
