-- Taking events in: neighbours in one go, by statements over the whole set.

CREATE TYPE arrival_v1 AS (
  i int, state text, seq bigint,
  skip boolean, conn text, "cursor" text, event text, handle text, chat_kind text, chat_name text,
  sender text, sender_name text, kind text, body text, raw text, files jsonb, target text, late boolean, grp text,
  wait bigint, worker text, lease bigint, hand bigint,
  account text, mailbox text, platform text, ident text, door text, scope text, focal bigint, chat bigint,
  session bigint, title text, chat_head bigint             -- before any of these
);

-- What each step is about and what becomes of it: new, duplicate, skip, stale or fenced; and the row it becomes or became,
-- which a repetition within the batch cannot know yet.
CREATE FUNCTION chatbox_arrivals_v1(steps jsonb, head bigint) RETURNS arrival_v1[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN (
    SELECT array_agg(ROW(
      p.i, p.state, CASE p.state WHEN 'new' THEN head + p.place WHEN 'duplicate' THEN p.known END,
      p.skip, p.conn, p."cursor", p.event, p.handle, p.chat_kind, p.chat_name,
      p.sender, p.sender_name, p.kind, p.body, p.raw, p.files, p.target, coalesce(p.late, false), p.grp,
      p.wait, CASE p.door WHEN 'push' THEN p.hand_worker ELSE p.worker END,
      CASE p.door WHEN 'push' THEN p.hand_lease ELSE p.lease END, p.hand,
      p.account, p.mailbox, p.platform, p.ident, p.door, p.scope, p.focal, p.chat, p.session,
      p.title, p.chat_head)::arrival_v1)
    FROM (
      SELECT t.*, count(*) FILTER (WHERE t.state = 'new') OVER (ORDER BY t.i) AS place FROM (
        SELECT a.*, f.fits, l.seq AS known,
          c.account, c.reader AS mailbox, c.platform, c.ident, r.door, r.scope, r.focal, h.id AS chat, h.session, h.name AS title,
          h.head AS chat_head,
          CASE
            WHEN a.fence <> c.fence THEN 'fenced'
            WHEN NOT f.fits THEN 'stale'
            WHEN a.skip THEN 'skip'
            WHEN l.seq IS NOT NULL OR a.again THEN 'duplicate'
            ELSE 'new'
          END AS state
        FROM ROWS FROM (jsonb_to_recordset(steps) AS (
            skip boolean, conn text, rev bigint, "cursor" text, event text, handle text, chat_kind text,
            chat_name text, sender text, sender_name text, kind text, body text, raw text, files jsonb, target text,
            late boolean, grp text, wait bigint, worker text, lease bigint, hand bigint,
            hand_worker text, hand_lease bigint, fence bigint, again boolean
          )) WITH ORDINALITY AS a(
            skip, conn, rev, "cursor", event, handle, chat_kind, chat_name, sender, sender_name, kind, body, raw,
            files, target, late, grp, wait, worker, lease, hand, hand_worker, hand_lease, fence, again, i)
        LEFT JOIN connections c ON c.id = a.conn AND c.status = 'active'
        LEFT JOIN readers r ON r.id = c.reader
        LEFT JOIN chats h ON h.conn = a.conn AND h.handle = a.handle
        LEFT JOIN log l ON l.conn = a.conn AND l.event_id = a.event
        CROSS JOIN LATERAL (SELECT c.id IS NOT NULL AND (a.skip OR c.policy_rev = a.rev) AS fits) f
      ) t
    ) p);
END $$;

-- Makes the chat of an arrival, with the session and person it needs.
CREATE FUNCTION chatbox_new_chat_v1(a arrival_v1) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_chat bigint;
  v_session bigint;
  v_person bigint;
BEGIN
  UPDATE head SET chat = chat + 1 RETURNING chat INTO v_chat;
  IF a.chat_kind = 'dm' THEN
    SELECT person INTO v_person FROM identities
      WHERE platform = a.platform AND ident = a.ident AND ext = a.sender;
    IF v_person IS NULL THEN
      UPDATE head SET person = person + 1 RETURNING person INTO v_person;
      INSERT INTO persons (id, account) VALUES (v_person, a.account);
      INSERT INTO identities (platform, ident, ext, account, person)
        VALUES (a.platform, a.ident, a.sender, a.account, v_person);
    END IF;
    SELECT id INTO v_session FROM sessions WHERE reader = a.mailbox AND person = v_person;
  END IF;
  IF v_session IS NULL THEN
    UPDATE head SET session = session + 1 RETURNING session INTO v_session;
    INSERT INTO sessions (id, account, reader, person, chat)
      VALUES (v_session, a.account, a.mailbox, v_person, CASE WHEN v_person IS NULL THEN v_chat END);
  END IF;
  INSERT INTO chats (id, account, conn, mailbox, platform, handle, kind, name, session)
    VALUES (v_chat, a.account, a.conn, a.mailbox, a.platform, a.handle, a.chat_kind, a.chat_name, v_session);
  INSERT INTO members (chat, reader, account) VALUES (v_chat, a.mailbox, a.account);
  RETURN v_chat;
END $$;

-- A message reads as the newer row says from now on, unless it was taken back before.
CREATE FUNCTION chatbox_revise_v1(v_target bigint, v_newest bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE log SET cur_seq = v_newest
  WHERE seq = v_target AND kind = 'message'
    AND NOT EXISTS (SELECT 1 FROM log d WHERE d.seq = log.cur_seq AND d.kind = 'delete');
END $$;

-- The row a connection's event became, or that a delivered send with this receipt came from.
CREATE FUNCTION chatbox_seq_of_v1(v_conn text, v_event text, v_before bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(
      (SELECT seq FROM log WHERE conn = v_conn AND event_id = v_event AND (v_before IS NULL OR seq < v_before)),
      (SELECT seq FROM outbox WHERE owner = v_conn AND receipt = v_event ORDER BY id LIMIT 1)));
END $$;

CREATE FUNCTION chatbox_files_v1(v_seq bigint, v_files jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO media (seq, idx, state, place, source, name, mime, size)
  SELECT v_seq, f.i - 1, f.state, f.place, f.source, f.name, f.mime, f.size
  FROM ROWS FROM (jsonb_to_recordset(v_files) AS (
      state text, place text, source text, name text, mime text, size bigint
    )) WITH ORDINALITY AS f(state, place, source, name, mime, size, i);
END $$;

-- Wakes the lanes in which mailboxes answer these arrivals. A lane that sleeps and is due is taken by the first who
-- offers. A lane that is awake and need not wait longer is left as it is: whoever gives it back holds the head, and
-- looks at the chats. Answers for each taken lane: the arrival's place, the lane, its fence, its attempts, and whether
-- the arrival is all there is to answer in it.
CREATE FUNCTION chatbox_wake_v1(arrivals arrival_v1[], now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_taken jsonb;
BEGIN
  WITH wakes AS (
    SELECT w.*, max(w.due) OVER (PARTITION BY w.owner, w.key ORDER BY w.i) AS latest,
      w.worker IS NOT NULL
        AND row_number() OVER (PARTITION BY w.owner, w.key, w.worker IS NULL ORDER BY w.i) = 1 AS offers
    FROM (
      SELECT a.i, a.seq, a.chat, a.mailbox AS owner, now + a.wait AS due, a.worker, a.lease,
        CASE a.scope
          WHEN 'mailbox' THEN 'mailbox'
          WHEN 'session' THEN 'session/' || a.session
          ELSE 'chat/' || a.chat
        END AS key
      FROM unnest(arrivals) a
      WHERE a.state = 'new' AND a.wait IS NOT NULL AND a.door = 'run'
    ) w
  ), lanes_now AS MATERIALIZED (
    SELECT owner, key, max(seq) AS seq, max(due) AS due,
      max(i) FILTER (WHERE offers) AS i, max(seq) FILTER (WHERE offers) AS head, max(chat) FILTER (WHERE offers) AS chat,
      min(i) = max(i) FILTER (WHERE offers) AS first,
      max(worker) FILTER (WHERE offers) AS worker, max(lease) FILTER (WHERE offers) AS lease,
      CASE WHEN max(latest) FILTER (WHERE offers) <= now THEN nextval('turn_ids') END AS turn
    FROM wakes GROUP BY owner, key
  ), found AS MATERIALIZED (
    SELECT n.*, l.owner IS NOT NULL AS known, coalesce(l.wanted > l.done, false) AS wants, l.due AS was_due,
      n.first AND NOT coalesce(l.wanted > l.done, false) AND NOT EXISTS (
        SELECT FROM members m JOIN log e ON e.chat = m.chat AND e.seq > m.handed
        WHERE m.chat = n.chat AND m.reader = n.owner AND e.seq < n.head AND NOT e."out") AS alone,
      n.turn IS NOT NULL AND (l.owner IS NULL OR l.state = 'asleep' AND (l.wanted <= l.done OR l.due <= now)) AS free
    FROM lanes_now n LEFT JOIN lanes l ON l.kind = 'turn' AND l.owner = n.owner AND l.key = n.key
  ), woken AS (  -- somebody may claim a lane meanwhile: whether it sleeps is asked again under its lock
    UPDATE lanes l SET
      wanted = greatest(l.wanted, f.seq),
      due = CASE WHEN NOT f.wants THEN f.due WHEN f.due > now THEN greatest(l.due, f.due) ELSE l.due END,
      state = CASE WHEN f.free AND l.state = 'asleep' THEN 'busy' ELSE l.state END,
      fence = CASE WHEN f.free AND l.state = 'asleep' THEN l.fence + 1 ELSE l.fence END,
      holder = CASE WHEN f.free AND l.state = 'asleep' THEN f.worker ELSE l.holder END,
      until = CASE WHEN f.free AND l.state = 'asleep' THEN now + f.lease ELSE l.until END,
      attempts = CASE WHEN f.free AND l.state = 'asleep' THEN l.attempts + 1 ELSE l.attempts END,
      turn = CASE WHEN f.free AND l.state = 'asleep' THEN f.turn ELSE l.turn END
    FROM found f
    WHERE l.kind = 'turn' AND l.owner = f.owner AND l.key = f.key
      AND (f.free OR NOT f.wants OR f.due > greatest(now, f.was_due))
    RETURNING f.i, l.owner, l.key, l.fence, l.attempts, l.turn, f.head, f.alone, l.turn = f.turn AS took
  ), born AS (
    INSERT INTO lanes (kind, owner, key, wanted, done, state, fence, holder, until, due, attempts, turn)
    SELECT 'turn', owner, key, seq, 0, CASE WHEN free THEN 'busy' ELSE 'asleep' END, free::int,
      CASE WHEN free THEN worker END, CASE WHEN free THEN now + lease ELSE 0 END, due, free::int,
      CASE WHEN free THEN turn END
    FROM found WHERE NOT known
  ), taken AS (
    SELECT i, owner, key, fence, attempts, turn, head, alone FROM woken WHERE took
    UNION ALL
    SELECT i, owner, key, 1, 1, turn, head, alone FROM found WHERE NOT known AND free
  ), turned AS (
    INSERT INTO turns (id, owner, key, fence, head, attempt, state, at)
    SELECT turn, owner, key, fence, head, attempts, 'claimed', now FROM taken
  )
  SELECT jsonb_object_agg(i, jsonb_build_array('turn', owner, key, fence, attempts, alone)) INTO v_taken FROM taken;
  RETURN v_taken;
END $$;

-- Mailboxes that are pushed are handed their rows, unless they do not want to hear of the chat. A push lane that sleeps and
-- is due is taken by the first who offers. Answers by the arrivals' places: the lane that was taken, its fence and its
-- attempts; and the hand-outs, each with whether the mailbox looks there and the last one that waits before it.
CREATE FUNCTION chatbox_hand_v1(arrivals arrival_v1[], now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_count bigint;
  v_last bigint;
  v_answer jsonb;
BEGIN
  SELECT count(*) INTO v_count FROM unnest(arrivals) a JOIN members m ON m.chat = a.chat AND m.reader = a.mailbox
    WHERE a.state = 'new' AND a.hand IS NOT NULL AND a.door = 'push' AND NOT m.muted;
  IF v_count = 0 THEN
    RETURN NULL;
  END IF;
  UPDATE head SET delivery = delivery + v_count RETURNING delivery INTO v_last;
  WITH handed AS (
    INSERT INTO outbox (id, account, seq, part, chat, owner, key, class, verb, payload, state, expires, at, since)
    SELECT v_last - v_count + row_number() OVER (ORDER BY a.i), a.account, a.seq, 0, a.chat, a.mailbox, 'chat/' || a.chat,
      'idempotent', 'hand', CASE WHEN a.focal = a.chat THEN '{"focal":true}' ELSE '{"focal":false}' END, 'queued',
      now + a.hand, now, now
    FROM unnest(arrivals) a JOIN members m ON m.chat = a.chat AND m.reader = a.mailbox
    WHERE a.state = 'new' AND a.hand IS NOT NULL AND a.door = 'push' AND NOT m.muted
    RETURNING id, seq, owner, key
  ), asked AS (
    SELECT h.id, h.owner, h.key, a.i, a.worker, a.lease, a.focal IS NOT DISTINCT FROM a.chat AS focal,
      max(h.id) OVER lane AS newest, lag(h.id) OVER (PARTITION BY h.owner, h.key ORDER BY h.id) AS before,
      row_number() OVER (PARTITION BY h.owner, h.key ORDER BY a.worker IS NULL, h.id) = 1 AS offers
    FROM handed h JOIN unnest(arrivals) a ON a.seq = h.seq AND a.state = 'new'
    WINDOW lane AS (PARTITION BY h.owner, h.key)
  ), found AS MATERIALIZED (  -- whether it sleeps is asked under its lock
    SELECT l.owner, l.key, l.state, l.due, l.wanted > l.done AS wants
    FROM lanes l JOIN asked USING (owner, key) WHERE l.kind = 'push' AND offers FOR UPDATE OF l
  ), decided AS MATERIALIZED (
    SELECT asked.*,
      worker IS NOT NULL AND (state IS NULL OR state = 'asleep' AND (NOT wants OR due <= now))
        AND NOT EXISTS (SELECT FROM readers r WHERE r.id = asked.owner AND r.status <> 'active') AS takes
    FROM asked LEFT JOIN found USING (owner, key) WHERE offers
  ), woken AS (
    INSERT INTO lanes AS l (kind, owner, key, wanted, done, state, fence, holder, until, due, attempts)
    SELECT 'push', owner, key, newest, 0, CASE WHEN takes THEN 'busy' ELSE 'asleep' END, takes::int,
      CASE WHEN takes THEN worker END, CASE WHEN takes THEN now + lease ELSE 0 END, now, takes::int
    FROM decided
    ON CONFLICT (kind, owner, key) DO UPDATE SET
      wanted = greatest(l.wanted, excluded.wanted),
      due = CASE WHEN l.wanted > l.done THEN greatest(l.due, excluded.due) ELSE excluded.due END,
      state = CASE excluded.state WHEN 'busy' THEN 'busy' ELSE l.state END,
      fence = l.fence + excluded.fence,
      holder = coalesce(excluded.holder, l.holder),
      until = CASE excluded.state WHEN 'busy' THEN excluded.until ELSE l.until END,
      attempts = l.attempts + excluded.attempts
    RETURNING l.owner, l.key, l.fence, l.attempts
  )
  SELECT jsonb_build_object(
    'taken', (
      SELECT jsonb_object_agg(i, jsonb_build_array('push', owner, key, fence, attempts, false))
      FROM decided JOIN woken USING (owner, key) WHERE takes),
    'handed', (
      -- The rows of this very statement are not seen yet: those before them are older ones.
      SELECT jsonb_object_agg(i, jsonb_build_array(id, focal, coalesce(before, (
        SELECT o.id FROM outbox o WHERE o.owner = asked.owner AND o.key = asked.key AND o.state IN ('queued', 'custody')
        ORDER BY o.id DESC LIMIT 1)))) FROM asked))
  INTO v_answer;
  RETURN v_answer;
END $$;

-- Takes arrivals in, in their order. Answers per step: its state, seq, chat, session, whether the chat is new, the lane
-- taken for it, the chat's row before it, the chat's name, and its hand-out.
CREATE FUNCTION chatbox_accept_v1(steps jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_head bigint;
  v_all arrival_v1[];
  v_one arrival_v1;
  v_fresh bigint[] := '{}';
  v_firsts bigint[] := '{}';
  v_target bigint;
  v_count bigint;
  v_unborn boolean;
  v_targets boolean;
  v_files boolean;
  v_wakes boolean;
  v_cursors boolean;
  v_focal boolean;
  v_hands boolean;
  v_taken jsonb;
  v_handed jsonb;
BEGIN
  SELECT seq INTO v_head FROM head;
  LOOP
    v_all := chatbox_arrivals_v1(steps, v_head);
    SELECT count(*) FILTER (WHERE state = 'new'),
      bool_or(state = 'new' AND chat IS NULL), bool_or(state = 'new' AND target IS NOT NULL),
      bool_or(state = 'new' AND files IS NOT NULL), bool_or(state = 'new' AND wait IS NOT NULL AND door = 'run'),
      bool_or(state NOT IN ('stale', 'fenced') AND "cursor" IS NOT NULL), bool_or(state = 'new' AND focal = chat),
      bool_or(state = 'new' AND hand IS NOT NULL AND door = 'push')
    INTO v_count, v_unborn, v_targets, v_files, v_wakes, v_cursors, v_focal, v_hands FROM unnest(v_all);
    EXIT WHEN NOT v_unborn;
    FOR v_one IN
      SELECT DISTINCT ON (min(a.i) OVER (PARTITION BY a.conn, a.handle)) a.* FROM unnest(v_all) a
      WHERE a.state = 'new' AND a.chat IS NULL
      ORDER BY min(a.i) OVER (PARTITION BY a.conn, a.handle), a.i
    LOOP
      v_fresh := v_fresh || chatbox_new_chat_v1(v_one);
    END LOOP;
  END LOOP;

  IF v_fresh <> '{}' THEN
    v_firsts := array(SELECT min(seq) FROM unnest(v_all) WHERE state = 'new' AND chat = ANY (v_fresh) GROUP BY chat);
  END IF;
  IF v_count > 0 THEN
    UPDATE head SET seq = seq + v_count;
    WITH a AS (SELECT * FROM unnest(v_all) WHERE state = 'new'), said AS (
      INSERT INTO content (seq, body, raw, files)
      SELECT seq, body, raw, coalesce(jsonb_array_length(files), 0) FROM a
    ), heads AS (
      UPDATE chats SET head = m.seq, woken = greatest(chats.woken, m.woken)
      FROM (SELECT chat, max(seq) AS seq, max(seq) FILTER (WHERE wait IS NOT NULL) AS woken FROM a GROUP BY chat) m
      WHERE chats.id = m.chat
    )
    INSERT INTO log (seq, account, chat, kind, by, author, author_name, conn, event_id, grp, "out", late, wakes, at)
    SELECT seq, account, chat, kind, 'person', sender, sender_name, conn, event, grp, false, late,
      wait IS NOT NULL, now
    FROM a;
  END IF;
  IF v_files THEN
    PERFORM chatbox_files_v1(a.seq, a.files) FROM unnest(v_all) a WHERE a.state = 'new' AND a.files IS NOT NULL;
  END IF;
  IF v_targets THEN
    FOR v_one IN SELECT * FROM unnest(v_all) WHERE state = 'new' AND target IS NOT NULL ORDER BY seq LOOP
      v_target := chatbox_seq_of_v1(v_one.conn, v_one.target, v_one.seq);
      CONTINUE WHEN v_target IS NULL;
      UPDATE log SET target = v_target WHERE seq = v_one.seq;
      IF v_one.kind IN ('edit', 'delete') THEN
        PERFORM chatbox_revise_v1(v_target, v_one.seq);
      END IF;
    END LOOP;
  END IF;
  IF v_wakes THEN
    v_taken := chatbox_wake_v1(v_all, now);
  END IF;
  IF v_fresh <> '{}' THEN
    PERFORM chatbox_happen_v1('new_chat', a.mailbox, a.chat, a.conn, NULL, NULL, a.seq, now)
      FROM unnest(v_all) a WHERE a.state = 'new' AND a.seq = ANY (v_firsts) ORDER BY a.i;
  END IF;
  IF v_hands THEN
    v_handed := chatbox_hand_v1(v_all, now);
  END IF;
  -- A row of the focal chat is consumed as it comes: after lanes, as whoever holds one does.
  IF v_focal THEN
    UPDATE members m SET seen = greatest(m.seen, a.seq)
    FROM (SELECT chat, mailbox, max(seq) AS seq FROM unnest(v_all) WHERE state = 'new' AND focal = chat GROUP BY 1, 2) a
    WHERE m.chat = a.chat AND m.reader = a.mailbox;
  END IF;
  IF v_cursors THEN
    UPDATE connections SET cursor = a."cursor" FROM (
      SELECT DISTINCT ON (conn) conn, "cursor" FROM unnest(v_all)
      WHERE state NOT IN ('stale', 'fenced') AND "cursor" IS NOT NULL ORDER BY conn, i DESC
    ) a WHERE connections.id = a.conn;
  END IF;
  -- Who has the chat's row before a new one misses nothing: that row is told too.
  RETURN (
    SELECT jsonb_agg(jsonb_build_array(
      state,
      CASE WHEN state = 'duplicate' THEN coalesce(seq, chatbox_seq_of_v1(conn, event, NULL)) ELSE seq END,
      chat, session, seq = ANY (v_firsts), coalesce(v_taken -> i::text, v_handed -> 'taken' -> i::text), prev, title, v_handed -> 'handed' -> i::text) ORDER BY i)
    FROM (
      SELECT i, state, seq, conn, event, chat, session, title,
        CASE state WHEN 'new' THEN coalesce(lag(seq) OVER (PARTITION BY state, chat ORDER BY i), chat_head) END AS prev
      FROM unnest(v_all)
    ) a);
END $$;
