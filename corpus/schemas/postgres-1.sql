--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: chatbox; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA chatbox;


--
-- Name: arrival_v1; Type: TYPE; Schema: chatbox; Owner: -
--

CREATE TYPE chatbox.arrival_v1 AS (
	i integer,
	state text,
	seq bigint,
	skip boolean,
	conn text,
	cursor text,
	event text,
	handle text,
	chat_kind text,
	chat_name text,
	sender text,
	sender_name text,
	kind text,
	body text,
	raw text,
	files jsonb,
	target text,
	late boolean,
	grp text,
	wait bigint,
	worker text,
	lease bigint,
	hand bigint,
	account text,
	mailbox text,
	platform text,
	ident text,
	door text,
	scope text,
	focal bigint,
	chat bigint,
	session bigint,
	title text,
	chat_head bigint
);


--
-- Name: chatbox_accept_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_accept_v1(steps jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: chatbox_ack_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_ack_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO members AS m (chat, reader, account, seen)
    SELECT id, s ->> 'reader', account, greatest((s -> 'seen')::bigint, 0) FROM chats
    WHERE id = (s -> 'chat')::bigint AND head >= (s -> 'seen')::bigint
    ON CONFLICT (chat, reader) DO UPDATE SET seen = greatest(m.seen, excluded.seen);
  RETURN CASE WHEN FOUND THEN chatbox_done_v1() ELSE '{"outcome": "stale"}' END;
END $$;


--
-- Name: chatbox_admin_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_admin_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_count bigint;
BEGIN
  CASE s ->> 'admin'
    WHEN 'put_mailbox' THEN RETURN chatbox_put_mailbox_v1(s, now);
    WHEN 'add_connection' THEN RETURN chatbox_connection_v1(s);
    WHEN 'renew_connection' THEN RETURN chatbox_renew_connection_v1(s);
    WHEN 'remove_connection' THEN RETURN chatbox_remove_connection_v1(s ->> 'connection', now);
    WHEN 'set_policy' THEN
      UPDATE connections SET policy = s ->> 'policy', policy_rev = policy_rev + 1
        WHERE id = s ->> 'connection' AND status = 'active' AND policy_rev = (s -> 'rev')::bigint;
      RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "stale"}' END;
    WHEN 'move_chat' THEN RETURN chatbox_move_chat_v1(s);
    WHEN 'retry_delivery' THEN RETURN chatbox_retry_v1((s -> 'delivery')::bigint, (s -> 'ttl')::bigint, now);
    WHEN 'purge_deliveries' THEN
      DELETE FROM outbox WHERE state IN ('failed', 'unknown', 'expired') AND at < (s -> 'before')::bigint
        AND (s ->> 'delivery' IS NULL OR id = (s ->> 'delivery')::bigint)
        AND (s ->> 'account' IS NULL OR account = s ->> 'account');
    WHEN 'put_token' THEN
      INSERT INTO tokens (prefix, account, hash, principal, scopes, until)
        VALUES (s ->> 'prefix', s ->> 'account', s ->> 'hash', s ->> 'principal', s ->> 'scopes', (s ->> 'until')::bigint)
        ON CONFLICT (prefix) DO UPDATE SET account = excluded.account, hash = excluded.hash, principal = excluded.principal,
          scopes = excluded.scopes, until = excluded.until;
    WHEN 'remove_token' THEN DELETE FROM tokens WHERE prefix = s ->> 'prefix';
    WHEN 'put_state' THEN RETURN chatbox_put_state_v1(s);
    WHEN 'mute' THEN RETURN chatbox_mute_v1(s);
    WHEN 'set_standing' THEN RETURN chatbox_standing_v1(s, now);
    WHEN 'archive_mailbox' THEN RETURN chatbox_archive_v1(s ->> 'mailbox', now);
    WHEN 'put_record' THEN RETURN chatbox_put_record_v1(s, now);
    WHEN 'remove_record' THEN RETURN chatbox_remove_record_v1(s);
    WHEN 'subscribe' THEN RETURN chatbox_subscribe_v1(s, now);
    WHEN 'unsubscribe' THEN RETURN chatbox_unsubscribe_v1(s, now);
    WHEN 'report_link' THEN RETURN chatbox_report_link_v1(s, now);
    WHEN 'once' THEN RETURN chatbox_once_v1(s, now);
    WHEN 'note' THEN
      INSERT INTO notes (account, at, by, action, target)
        VALUES (s ->> 'account', now, s ->> 'by', s ->> 'action', s ->> 'target');
    WHEN 'settle_focus' THEN
      UPDATE readers SET recap_from = NULL, recap_to = NULL WHERE id = s ->> 'mailbox' AND recap_to IS NOT NULL;
    WHEN 'reseal' THEN RETURN chatbox_reseal_v1(s);
    WHEN 'end_leases' THEN UPDATE lanes SET until = 0 WHERE state = 'busy';
  END CASE;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN chatbox_changed_v1(v_count);
END $$;


--
-- Name: chatbox_append_v1(bigint, text, text, text, boolean, text, text, jsonb, bigint, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_append_v1(v_chat bigint, v_by text, v_author text, v_name text, v_out boolean, v_kind text, v_body text, v_files jsonb, v_target bigint, v_turn bigint, now bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_seq bigint;
  v_account text;
BEGIN
  UPDATE head SET seq = seq + 1 RETURNING seq INTO v_seq;
  UPDATE chats SET head = v_seq WHERE id = v_chat RETURNING account INTO v_account;
  INSERT INTO log (seq, account, chat, kind, by, author, author_name, target, turn, "out", late, wakes, at)
    VALUES (v_seq, v_account, v_chat, v_kind, v_by, v_author, v_name, v_target, v_turn, v_out, false, false, now);
  INSERT INTO content (seq, body, files) VALUES (v_seq, v_body, coalesce(jsonb_array_length(v_files), 0));
  IF v_files IS NOT NULL THEN
    PERFORM chatbox_files_v1(v_seq, v_files);
  END IF;
  IF v_target IS NOT NULL AND v_kind IN ('edit', 'delete') THEN
    PERFORM chatbox_revise_v1(v_target, v_seq);
  END IF;
  RETURN v_seq;
END $$;


--
-- Name: chatbox_archive_v1(text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_archive_v1(v_id text, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE readers SET status = 'archived', name = id WHERE id = v_id AND kind = 'mailbox' AND status <> 'archived';
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  PERFORM chatbox_remove_connection_v1(id, now) FROM connections WHERE reader = v_id AND status = 'active' ORDER BY id;
  PERFORM chatbox_end_turns_v1(v_id);
  PERFORM chatbox_end_push_v1(v_id, now);
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_arrivals_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_arrivals_v1(steps jsonb, head bigint) RETURNS chatbox.arrival_v1[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: chatbox_can_say_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_can_say_v1(e jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (
    SELECT EXISTS (SELECT 1 FROM chats WHERE id = (e -> 'chat')::bigint AND mailbox = e ->> 'mailbox')
      AND (e ->> 'target' IS NULL OR EXISTS (SELECT 1 FROM log WHERE seq = (e ->> 'target')::bigint)));
END $$;


--
-- Name: chatbox_changed_v1(bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_changed_v1(v_count bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT jsonb_build_object('outcome', 'done', 'done', 'changed', 'count', v_count)
$$;


--
-- Name: chatbox_claim_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_claim_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_lanes jsonb;
BEGIN
  WITH free AS (
    SELECT kind, owner, key, due, turn FROM lanes
    WHERE kind = s ->> 'kind' AND (s ->> 'owner' IS NULL OR owner = s ->> 'owner') AND due <= now
      AND (state = 'asleep' AND wanted > done OR state = 'busy' AND until < now)
      AND NOT s -> 'except' ? owner
      AND (kind <> 'push' OR NOT EXISTS (SELECT FROM readers WHERE id = owner AND status <> 'active'))
    ORDER BY due, owner, key LIMIT (s -> 'limit')::bigint
    FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE lanes l SET state = 'busy', fence = l.fence + 1, holder = s ->> 'worker', until = now + (s -> 'lease')::bigint,
      attempts = l.attempts + 1, turn = CASE WHEN l.kind = 'turn' THEN nextval('turn_ids') END
    FROM free f WHERE l.kind = f.kind AND l.owner = f.owner AND l.key = f.key
    RETURNING l.kind, l.owner, l.key, l.fence, l.attempts, l.turn, f.due
  ), lost AS (
    UPDATE turns SET state = 'lost' FROM free WHERE turns.id = free.turn AND turns.state = 'claimed'
  ), turned AS (
    INSERT INTO turns (id, owner, key, fence, head, attempt, state, at)
    SELECT turn, owner, key, fence, (SELECT seq FROM head), attempts, 'claimed', now FROM taken WHERE kind = 'turn'
  ), linked AS (
    UPDATE connections c SET fence = t.fence FROM taken t WHERE t.kind = 'link' AND c.id = t.owner
  )
  SELECT jsonb_agg(jsonb_build_object(
    'lane', jsonb_build_object('kind', kind, 'owner', owner, 'key', key), 'fence', fence, 'attempts', attempts
  ) ORDER BY due, owner, key) INTO v_lanes FROM taken;
  RETURN jsonb_build_object('outcome', 'done', 'done', 'claimed', 'lanes', coalesce(v_lanes, '[]'));
END $$;


--
-- Name: chatbox_commit_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_commit_v1(batch jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_now bigint;
  v_step jsonb;
  v_outcomes jsonb := '[]';
  v_outcome jsonb;
BEGIN
  IF (batch -> 'head')::boolean THEN
    PERFORM 1 FROM head FOR UPDATE;
  END IF;
  v_now := floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  FOR v_step IN SELECT * FROM jsonb_array_elements(batch -> 'steps') LOOP
    v_outcome := CASE v_step ->> 'step'
      WHEN 'accept' THEN chatbox_accept_v1(v_step -> 'all', v_now)
      WHEN 'claim' THEN chatbox_claim_v1(v_step, v_now)
      WHEN 'renew' THEN chatbox_renew_v1(v_step, v_now)
      WHEN 'commit' THEN chatbox_turn_v1(v_step, v_now)
      WHEN 'emit' THEN chatbox_emit_v1(v_step, v_now)
      WHEN 'settle' THEN chatbox_settle_v1(v_step, v_now)
      WHEN 'media' THEN chatbox_media_v1(v_step, v_now)
      WHEN 'ack' THEN chatbox_ack_v1(v_step)
      WHEN 'switch' THEN chatbox_switch_v1(v_step, v_now)
      WHEN 'admin' THEN chatbox_admin_v1(v_step, v_now)
      WHEN 'together' THEN chatbox_together_v1(v_step -> 'all', v_now)
    END;
    v_outcomes := v_outcomes || jsonb_build_array(v_outcome);
  END LOOP;
  RETURN jsonb_build_object('at', v_now, 'outcomes', v_outcomes);
END $$;


--
-- Name: chatbox_connection_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_connection_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_id text := s ->> 'id';
  v_account text;
BEGIN
  SELECT account INTO v_account FROM readers
    WHERE id = s ->> 'mailbox' AND kind = 'mailbox' AND status <> 'archived';
  IF v_account IS NULL THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF EXISTS (SELECT 1 FROM connections c WHERE c.id = v_id OR c.status = 'active' AND c.platform = s ->> 'platform'
    AND (c.reader = s ->> 'mailbox' OR c.ident = s ->> 'ident'))
  THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  INSERT INTO connections (id, account, reader, platform, ident, settings, secret, policy)
    VALUES (v_id, v_account, s ->> 'mailbox', s ->> 'platform', s ->> 'ident', s ->> 'settings', s ->> 'secret',
      s ->> 'policy');
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_done_v1(); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_done_v1() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT '{"outcome": "done", "done": "nothing"}'::jsonb
$$;


--
-- Name: chatbox_emit_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_emit_v1(e jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_under jsonb := e -> 'under';
  v_lane lanes;
  v_seq bigint;
BEGIN
  IF v_under IS NOT NULL THEN
    -- Locked, so that nobody takes the lane before this is committed.
    v_lane := chatbox_lock_v1(v_under ->> 'kind', v_under ->> 'owner', v_under ->> 'key');
    IF v_lane.state IS DISTINCT FROM 'busy' OR v_lane.kind <> 'turn' OR v_lane.owner <> e ->> 'mailbox'
      OR v_lane.fence <> (v_under -> 'fence')::bigint OR v_lane.until < now
    THEN
      RETURN '{"outcome": "fenced"}';
    END IF;
  END IF;
  v_seq := chatbox_said_before_v1(e);
  IF v_seq IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'duplicate', 'seq', v_seq);
  END IF;
  IF NOT chatbox_can_say_v1(e) THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  RETURN jsonb_build_object('outcome', 'done', 'done', 'appended', 'more', false,
    'rows', jsonb_build_array(chatbox_say_v1(e, v_lane.turn, now)));
END $$;


--
-- Name: chatbox_end_push_v1(text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_end_push_v1(v_owner text, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM 1 FROM lanes WHERE kind = 'push' AND owner = v_owner ORDER BY key FOR UPDATE;
  UPDATE outbox SET state = 'superseded', since = now WHERE owner = v_owner AND state IN ('queued', 'custody');
  UPDATE lanes SET fence = fence + CASE state WHEN 'busy' THEN 1 ELSE 0 END, state = 'asleep', holder = NULL,
    done = wanted, attempts = 0 WHERE kind = 'push' AND owner = v_owner;
END $$;


--
-- Name: chatbox_end_turns_v1(text); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_end_turns_v1(v_id text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM 1 FROM lanes WHERE kind = 'turn' AND owner = v_id ORDER BY key FOR UPDATE;
  UPDATE turns SET state = 'lost' FROM lanes l
    WHERE l.kind = 'turn' AND l.owner = v_id AND l.turn = turns.id AND turns.state = 'claimed';
  UPDATE lanes SET fence = fence + CASE state WHEN 'busy' THEN 1 ELSE 0 END, state = 'asleep', holder = NULL,
    done = wanted, attempts = 0 WHERE kind = 'turn' AND owner = v_id;
END $$;


--
-- Name: chatbox_files_v1(bigint, jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_files_v1(v_seq bigint, v_files jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO media (seq, idx, state, place, source, name, mime, size)
  SELECT v_seq, f.i - 1, f.state, f.place, f.source, f.name, f.mime, f.size
  FROM ROWS FROM (jsonb_to_recordset(v_files) AS (
      state text, place text, source text, name text, mime text, size bigint
    )) WITH ORDINALITY AS f(state, place, source, name, mime, size, i);
END $$;


--
-- Name: chatbox_hand_over_v1(bigint, text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_hand_over_v1(v_chat bigint, v_reader text, v_upto bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO members AS m (chat, reader, account, handed, seen)
  SELECT id, v_reader, account, greatest(v_upto, 0), greatest(v_upto, 0) FROM chats WHERE id = v_chat
  ON CONFLICT (chat, reader) DO UPDATE SET
    handed = greatest(m.handed, excluded.handed), seen = greatest(m.seen, excluded.seen);
END $$;


--
-- Name: chatbox_hand_v1(chatbox.arrival_v1[], bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_hand_v1(arrivals chatbox.arrival_v1[], now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: chatbox_handed_out_v1(bigint, text, bigint, text, integer, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_handed_out_v1(v_chat bigint, v_reader text, v_seq bigint, v_to text, v_most integer, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_kind text;
BEGIN
  IF v_to IN ('delivered', 'failed', 'unknown', 'expired') THEN
    UPDATE members SET handed = greatest(handed, v_seq) WHERE chat = v_chat AND reader = v_reader;
  END IF;
  -- Not touched where it stays as it is: others would wait for it, and we for lanes that they hold.
  UPDATE readers SET fails = CASE v_to WHEN 'delivered' THEN 0 ELSE fails + 1 END
    WHERE id = v_reader AND (v_to IN ('failed', 'unknown', 'expired') OR v_to = 'delivered' AND fails > 0);
  UPDATE readers SET status = 'paused' WHERE id = v_reader AND status = 'active' AND fails >= v_most
    RETURNING kind INTO v_kind;
  IF v_kind = 'mailbox' THEN
    PERFORM chatbox_happen_v1('mailbox_paused', v_reader, NULL, NULL, NULL, NULL, 0, now);
  END IF;
END $$;


--
-- Name: chatbox_handed_v1(bigint, text); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_handed_v1(v_chat bigint, v_reader text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (
    SELECT coalesce((SELECT handed FROM members WHERE chat = v_chat AND reader = v_reader), 0));
END $$;


--
-- Name: chatbox_happen_v1(text, text, bigint, text, bigint, text, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_happen_v1(v_kind text, v_mailbox text, v_chat bigint, v_conn text, v_delivery bigint, v_reason text, v_seq bigint, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_told readers;
  v_id bigint;
BEGIN
  FOR v_told IN
    SELECT s.* FROM readers s JOIN readers m ON m.id = v_mailbox AND m.account = s.account
    WHERE s.kind = 'subscription' AND s.events::jsonb ? v_kind ORDER BY s.id
  LOOP
    IF (SELECT count(*) FROM outbox WHERE owner = v_told.id AND key = 'events' AND state IN ('queued', 'custody')) >= 1000
    THEN
      UPDATE readers SET dropped = dropped + 1 WHERE id = v_told.id;
      CONTINUE;
    END IF;
    UPDATE head SET delivery = delivery + 1 RETURNING delivery INTO v_id;
    INSERT INTO outbox (id, account, seq, part, chat, owner, key, class, verb, payload, state, expires, at, since)
      VALUES (v_id, v_told.account, v_seq, 0, coalesce(v_chat, 0), v_told.id, 'events', 'idempotent', 'event',
        jsonb_build_object('event', jsonb_build_object('type', v_kind, 'mailbox', v_mailbox, 'chat', v_chat,
          'connection', v_conn, 'delivery', v_delivery, 'reason', v_reason))::text,
        'queued', now + 86400000, now, now);
    PERFORM chatbox_wake_lane_v1('push', v_told.id, 'events', v_id, now);
  END LOOP;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chats; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.chats (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    conn text COLLATE pg_catalog."C",
    mailbox text COLLATE pg_catalog."C",
    platform text NOT NULL COLLATE pg_catalog."C",
    handle text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    name text,
    caps text,
    session bigint,
    head bigint DEFAULT 0 NOT NULL,
    woken bigint DEFAULT 0 NOT NULL,
    sealed boolean DEFAULT false NOT NULL,
    moved_to bigint,
    state text DEFAULT 'active'::text NOT NULL
)
WITH (fillfactor='50');


--
-- Name: chatbox_lane_chats_v1(text, text); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_lane_chats_v1(v_owner text, v_key text) RETURNS SETOF chatbox.chats
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  IF v_key = 'mailbox' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner;
  ELSIF v_key LIKE 'session/%' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner AND session = substr(v_key, 9)::bigint;
  ELSIF v_key LIKE 'chat/%' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner AND id = substr(v_key, 6)::bigint;
  END IF;
END $$;


--
-- Name: chatbox_link_v1(); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_link_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO lanes (kind, owner, key, wanted, done, state, fence, until, due, attempts)
    VALUES ('link', NEW.id, 'link', 1, 0, 'asleep', 0, 0, 0, 0);
  RETURN NULL;
END $$;


--
-- Name: lanes; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.lanes (
    kind text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    wanted bigint NOT NULL,
    done bigint NOT NULL,
    state text NOT NULL,
    fence bigint NOT NULL,
    holder text,
    until bigint NOT NULL,
    due bigint NOT NULL,
    attempts integer NOT NULL,
    turn bigint
)
WITH (fillfactor='50');


--
-- Name: chatbox_lock_v1(text, text, text); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_lock_v1(v_kind text, v_owner text, v_key text) RETURNS chatbox.lanes
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_lane lanes;
BEGIN
  SELECT * INTO v_lane FROM lanes WHERE kind = v_kind AND owner = v_owner AND key = v_key FOR UPDATE;
  RETURN v_lane;
END $$;


--
-- Name: chatbox_media_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_media_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_seq bigint := (s -> 'seq')::bigint;
  v_row record;
  v_key text;
  v_lane lanes;
BEGIN
  SELECT l.chat, coalesce(l.cur_seq, l.seq) AS body, c.mailbox, c.session, r.scope INTO v_row
    FROM log l JOIN chats c ON c.id = l.chat JOIN readers r ON r.id = c.mailbox WHERE l.seq = v_seq;
  v_key := CASE v_row.scope
    WHEN 'mailbox' THEN 'mailbox'
    WHEN 'session' THEN 'session/' || v_row.session
    ELSE 'chat/' || v_row.chat
  END;
  v_lane := chatbox_lock_v1('turn', v_row.mailbox, v_key);
  UPDATE media SET state = s ->> 'state', place = s ->> 'place', source = s ->> 'source',
      name = coalesce(s ->> 'name', name), mime = coalesce(s ->> 'mime', mime),
      size = coalesce((s ->> 'size')::bigint, size)
    WHERE seq = v_row.body AND idx = (s -> 'index')::integer;
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF v_lane.wanted > v_lane.done AND v_seq > chatbox_handed_v1(v_row.chat, v_row.mailbox) AND NOT EXISTS (
    SELECT 1 FROM media m JOIN log l ON l.seq = m.seq
    WHERE m.state = 'pending' AND l.chat = v_row.chat AND l.cur_seq IS NULL
      AND m.seq > chatbox_handed_v1(v_row.chat, v_row.mailbox))
  THEN
    UPDATE lanes SET due = least(due, now + coalesce((s ->> 'wait_ms')::bigint, 0))
    WHERE kind = 'turn' AND owner = v_lane.owner AND key = v_lane.key;
  END IF;
  RETURN chatbox_done_v1();
END $$;


--
-- Name: chatbox_move_chat_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_move_chat_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_conn text := s ->> 'connection';
BEGIN
  IF NOT EXISTS (SELECT 1 FROM connections WHERE id = v_conn AND status = 'active') THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM chats WHERE conn = v_conn AND handle = s ->> 'from') THEN
    RETURN chatbox_changed_v1(0);
  END IF;
  IF EXISTS (SELECT 1 FROM chats WHERE conn = v_conn AND handle = s ->> 'into') THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  UPDATE chats SET handle = s ->> 'into' WHERE conn = v_conn AND handle = s ->> 'from';
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_mute_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_mute_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE members m SET muted = (s -> 'muted')::boolean FROM chats c
    WHERE c.id = (s -> 'chat')::bigint AND c.mailbox = s ->> 'mailbox' AND m.chat = c.id AND m.reader = c.mailbox;
  RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "stale"}' END;
END $$;


--
-- Name: chatbox_new_chat_v1(chatbox.arrival_v1); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_new_chat_v1(a chatbox.arrival_v1) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: chatbox_oldest_waking_v1(bigint, text); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_oldest_waking_v1(v_chat bigint, v_reader text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (
    SELECT seq FROM log
    WHERE chat = v_chat AND seq > chatbox_handed_v1(v_chat, v_reader) AND wakes
    ORDER BY seq LIMIT 1);
END $$;


--
-- Name: chatbox_once_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_once_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  DELETE FROM remembered WHERE until <= now;
  INSERT INTO remembered (key, asked, reply, until)
    VALUES (s ->> 'key', s ->> 'asked', s ->> 'reply', now + (s -> 'ttl')::bigint) ON CONFLICT DO NOTHING;
  RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "duplicate", "seq": null}' END;
END $$;


--
-- Name: chatbox_put_mailbox_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_put_mailbox_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_old readers;
  v_id text := s ->> 'id';
BEGIN
  IF EXISTS (SELECT 1 FROM readers
    WHERE kind = 'mailbox' AND account = s ->> 'account' AND name = s ->> 'name' AND id <> v_id)
  THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  SELECT * INTO v_old FROM readers WHERE id = v_id;
  IF v_old.status = 'archived' OR v_old.account <> s ->> 'account' THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF (v_old.account, v_old.name, v_old.door, v_old.scope)
    = (s ->> 'account', s ->> 'name', s ->> 'door', s ->> 'scope')
  THEN
    RETURN chatbox_changed_v1(0);
  END IF;
  INSERT INTO accounts (id) VALUES (s ->> 'account') ON CONFLICT DO NOTHING;
  INSERT INTO readers (id, account, kind, name, door, scope, at)
    VALUES (v_id, s ->> 'account', 'mailbox', s ->> 'name', s ->> 'door', s ->> 'scope', now)
    ON CONFLICT (id) DO UPDATE SET account = excluded.account, name = excluded.name, door = excluded.door,
      scope = excluded.scope;
  IF v_old.door <> s ->> 'door' OR v_old.scope <> s ->> 'scope' THEN
    PERFORM chatbox_relane_v1(v_id, s ->> 'door', s ->> 'scope', now);
  END IF;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_put_record_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_put_record_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_old records;
BEGIN
  SELECT * INTO v_old FROM records WHERE kind = s ->> 'kind' AND id = s ->> 'id' FOR UPDATE;
  IF v_old.account <> s ->> 'account' OR (s ->> 'rev')::bigint <> coalesce(v_old.rev, 0) OR EXISTS (
    SELECT FROM jsonb_array_elements_text((s ->> 'uses')::jsonb) u WHERE NOT EXISTS (
      SELECT FROM records r WHERE r.kind = 'credential' AND r.id = u.value AND r.account = s ->> 'account'))
  THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF EXISTS (SELECT FROM records WHERE account = s ->> 'account' AND kind = s ->> 'kind' AND name = s ->> 'name'
    AND id <> s ->> 'id')
  THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  INSERT INTO accounts (id) VALUES (s ->> 'account') ON CONFLICT DO NOTHING;
  INSERT INTO records AS r (kind, id, account, name, rev, uses, at, body)
    VALUES (s ->> 'kind', s ->> 'id', s ->> 'account', s ->> 'name', 1, s ->> 'uses', now, s ->> 'body')
    ON CONFLICT (kind, id) DO UPDATE SET name = excluded.name, rev = r.rev + 1, uses = excluded.uses,
      body = excluded.body;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_put_state_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_put_state_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_rev bigint := (s -> 'rev')::bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM connections WHERE id = s ->> 'connection' AND status = 'active') OR v_rev <> coalesce(
    (SELECT rev FROM state WHERE conn = s ->> 'connection' AND key = s ->> 'key'), 0)
  THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  INSERT INTO state (conn, key, rev, box) VALUES (s ->> 'connection', s ->> 'key', v_rev + 1, s ->> 'value')
    ON CONFLICT (conn, key) DO UPDATE SET rev = excluded.rev, box = excluded.box;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_relane_v1(text, text, text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_relane_v1(v_id text, v_door text, v_scope text, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM chatbox_end_turns_v1(v_id);
  IF v_door <> 'push' THEN  -- it is handed nothing any more
    PERFORM chatbox_end_push_v1(v_id, now);
  END IF;
  IF v_door = 'run' THEN
    INSERT INTO lanes AS l (kind, owner, key, wanted, done, state, fence, until, due, attempts)
      SELECT 'turn', v_id, w.key, max(w.head), 0, 'asleep', 0, 0, now, 0 FROM (
        SELECT c.head,
          CASE v_scope WHEN 'mailbox' THEN 'mailbox' WHEN 'session' THEN 'session/' || c.session
            ELSE 'chat/' || c.id END AS key
        FROM chats c WHERE c.mailbox = v_id AND c.woken > chatbox_handed_v1(c.id, v_id)
      ) w GROUP BY w.key
      ON CONFLICT (kind, owner, key) DO UPDATE SET wanted = greatest(l.wanted, excluded.wanted),
        done = least(l.done, excluded.wanted - 1), due = excluded.due;
  END IF;
END $$;


--
-- Name: chatbox_remove_connection_v1(text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_remove_connection_v1(v_id text, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE connections SET status = 'archived' WHERE id = v_id AND status = 'active';
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0 WHERE kind = 'out' AND owner = v_id;
  UPDATE outbox SET state = 'failed', reason = 'connection removed', since = now
    WHERE owner = v_id AND state IN ('queued', 'custody');
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_remove_record_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_remove_record_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM records WHERE kind = s ->> 'kind' AND id = s ->> 'id' AND account = s ->> 'account') THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF s ->> 'kind' = 'credential' AND EXISTS (SELECT FROM records WHERE uses::jsonb ? (s ->> 'id')) THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  DELETE FROM records WHERE kind = s ->> 'kind' AND id = s ->> 'id';
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_renew_connection_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_renew_connection_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_platform text;
BEGIN
  SELECT platform INTO v_platform FROM connections WHERE id = s ->> 'id' AND status = 'active';
  IF v_platform IS NULL THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF EXISTS (SELECT 1 FROM connections c WHERE c.status = 'active' AND c.id <> s ->> 'id'
    AND c.platform = v_platform AND c.ident = s ->> 'ident')
  THEN
    RETURN '{"outcome": "duplicate", "seq": null}';
  END IF;
  UPDATE connections SET ident = s ->> 'ident', settings = s ->> 'settings', secret = s ->> 'secret'
    WHERE id = s ->> 'id';
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_renew_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_renew_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE lanes SET until = now + (s -> 'lease')::bigint
    WHERE kind = s ->> 'kind' AND owner = s ->> 'owner' AND key = s ->> 'key'
      AND state = 'busy' AND fence = (s -> 'fence')::bigint;
  RETURN CASE WHEN FOUND THEN chatbox_done_v1() ELSE '{"outcome": "fenced"}' END;
END $$;


--
-- Name: chatbox_report_link_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_report_link_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_mailbox text;
BEGIN
  SELECT reader INTO v_mailbox FROM connections WHERE id = s ->> 'connection' AND status = 'active';
  IF v_mailbox IS NULL THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  PERFORM chatbox_happen_v1(CASE WHEN (s -> 'up')::boolean THEN 'connection_up' ELSE 'connection_down' END, v_mailbox,
    NULL, s ->> 'connection', NULL, s ->> 'reason', 0, now);
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_reseal_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_reseal_v1(s jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  CASE s ->> 'of'
    WHEN 'connection' THEN
      UPDATE connections SET secret = s ->> 'becomes' WHERE id = s ->> 'id' AND secret = s ->> 'was';
    WHEN 'credential' THEN
      UPDATE records SET body = s ->> 'becomes' WHERE kind = 'credential' AND id = s ->> 'id' AND body = s ->> 'was';
    WHEN 'state' THEN
      UPDATE state SET box = s ->> 'becomes' WHERE conn = s ->> 'id' AND key = s ->> 'key' AND box = s ->> 'was';
    WHEN 'reply' THEN
      UPDATE remembered SET reply = s ->> 'becomes' WHERE key = s ->> 'id' AND reply = s ->> 'was';
  END CASE;
  RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "stale"}' END;
END $$;


--
-- Name: chatbox_retry_v1(bigint, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_retry_v1(v_id bigint, v_ttl bigint, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_part outbox;
  v_kind text;
BEGIN
  SELECT o.* INTO v_part FROM outbox o
    WHERE o.id = v_id AND o.state IN ('failed', 'unknown', 'expired') AND (
      EXISTS (SELECT FROM connections WHERE id = o.owner AND status = 'active')
      OR EXISTS (SELECT FROM readers WHERE id = o.owner AND door = 'push' AND status <> 'archived'));
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  v_kind := CASE WHEN v_part.verb IN ('hand', 'event') THEN 'push' ELSE 'out' END;
  PERFORM chatbox_wake_lane_v1(v_kind, v_part.owner, v_part.key, v_id, now);
  UPDATE lanes SET done = least(done, v_id - 1) WHERE kind = v_kind AND owner = v_part.owner AND key = v_part.key;
  UPDATE outbox SET state = 'queued', attempts = 0, expires = now + v_ttl, receipt = NULL, degraded = NULL,
    reason = NULL, since = now WHERE id = v_id;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_revise_v1(bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_revise_v1(v_target bigint, v_newest bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE log SET cur_seq = v_newest
  WHERE seq = v_target AND kind = 'message'
    AND NOT EXISTS (SELECT 1 FROM log d WHERE d.seq = log.cur_seq AND d.kind = 'delete');
END $$;


--
-- Name: chatbox_said_before_v1(jsonb); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_said_before_v1(e jsonb) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (
    SELECT reply FROM idem WHERE key = e ->> 'idem');
END $$;


--
-- Name: chatbox_say_v1(jsonb, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_say_v1(e jsonb, v_turn bigint, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_seq bigint := chatbox_said_before_v1(e);
  v_chat chats;
  v_parts integer := jsonb_array_length(e -> 'parts');
  v_active boolean;
  v_last bigint;
BEGIN
  IF v_seq IS NOT NULL THEN
    RETURN (SELECT jsonb_build_object('seq', seq, 'prev', 0, 'chat', chat, 'at', at) FROM log WHERE seq = v_seq);
  END IF;
  SELECT * INTO v_chat FROM chats WHERE id = (e -> 'chat')::bigint;
  v_seq := chatbox_append_v1(v_chat.id, e ->> 'by', e ->> 'author', e ->> 'author_name', true, e ->> 'kind',
    e ->> 'body', nullif(e -> 'files', 'null'), (e ->> 'target')::bigint, v_turn, now);
  IF e ->> 'idem' IS NOT NULL THEN
    INSERT INTO idem (key, reply) VALUES (e ->> 'idem', v_seq);
  END IF;
  IF v_parts > 0 THEN
    v_active := EXISTS (SELECT 1 FROM connections WHERE id = v_chat.conn AND status = 'active');
    UPDATE head SET delivery = delivery + v_parts RETURNING delivery INTO v_last;
    -- Where nobody can send any more they fail at once.
    INSERT INTO outbox (id, account, seq, part, chat, owner, key, class, verb, payload, state, expires, reason, at, since)
      SELECT v_last - v_parts + p.i, v_chat.account, v_seq, p.i - 1, v_chat.id, v_chat.conn, 'chat/' || v_chat.id,
        e ->> 'class', p.part ->> 0, p.part ->> 1, CASE WHEN v_active THEN 'queued' ELSE 'failed' END,
        now + (e -> 'ttl')::bigint, CASE WHEN NOT v_active THEN 'connection removed' END, now, now
      FROM jsonb_array_elements(e -> 'parts') WITH ORDINALITY AS p(part, i);
    IF v_active THEN
      PERFORM chatbox_wake_out_v1(v_chat.conn, v_chat.id, v_last, now);
    END IF;
  END IF;
  RETURN jsonb_build_object('seq', v_seq, 'prev', v_chat.head, 'chat', v_chat.id, 'at', now);
END $$;


--
-- Name: chatbox_seq_of_v1(text, text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_seq_of_v1(v_conn text, v_event text, v_before bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (
    SELECT coalesce(
      (SELECT seq FROM log WHERE conn = v_conn AND event_id = v_event AND (v_before IS NULL OR seq < v_before)),
      (SELECT seq FROM outbox WHERE owner = v_conn AND receipt = v_event ORDER BY id LIMIT 1)));
END $$;


--
-- Name: chatbox_settle_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_settle_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_lane lanes;
  v_id bigint := (s ->> 'delivery')::bigint;
  v_to text := s ->> 'to';
  v_part outbox;
  v_left boolean;
  v_back bigint;
  v_handed boolean := s ->> 'kind' = 'push';
  v_paused boolean;
BEGIN
  v_lane := chatbox_lock_v1(s ->> 'kind', s ->> 'owner', s ->> 'key');
  IF v_lane.state IS DISTINCT FROM 'busy' OR v_lane.fence <> (s -> 'fence')::bigint THEN
    RETURN '{"outcome": "fenced"}';
  END IF;
  IF v_id IS NOT NULL THEN
    SELECT * INTO v_part FROM outbox
      WHERE id = v_id AND v_lane.kind <> 'turn' AND owner = v_lane.owner AND key = v_lane.key
        AND state IN ('queued', 'custody')
      FOR UPDATE;
    IF NOT FOUND THEN
      RETURN '{"outcome": "stale"}';
    END IF;
    IF v_to <> 'release' THEN
      UPDATE outbox SET state = CASE v_to WHEN 'retry' THEN 'queued' ELSE v_to END, receipt = s ->> 'receipt',
          degraded = s ->> 'degraded', reason = s ->> 'reason', fence = v_lane.fence, since = now,
          attempts = attempts + CASE v_to WHEN 'retry' THEN 1 ELSE 0 END
        WHERE id = v_id;
    END IF;
    -- Who is not told of an event is not told that they were not.
    IF v_to IN ('failed', 'unknown', 'expired') AND v_part.key <> 'events' THEN
      PERFORM chatbox_happen_v1('delivery_failed', c.mailbox, c.id, NULL, v_id, s ->> 'reason', v_part.seq, now)
        FROM chats c WHERE c.id = v_part.chat;
    END IF;
    IF v_handed THEN
      PERFORM chatbox_handed_out_v1(v_part.chat, v_lane.owner, v_part.seq, v_to, (s ->> 'pause_after')::integer, now);
    ELSIF v_to IN ('failed', 'unknown', 'expired') THEN
      PERFORM chatbox_tell_v1(v_part.chat, v_part.seq, v_to, s ->> 'reason', now);
    END IF;
  END IF;
  v_left := EXISTS (SELECT 1 FROM outbox
    WHERE v_lane.kind <> 'turn' AND owner = v_lane.owner AND key = v_lane.key AND state IN ('queued', 'custody'));
  v_back := CASE
    WHEN v_to IN ('retry', 'release') THEN now + (s ->> 'after')::bigint
    WHEN v_id IS NULL THEN now
  END;
  UPDATE lanes SET state = 'asleep', holder = NULL,
      done = CASE WHEN v_left THEN done ELSE wanted END,
      attempts = CASE WHEN v_left THEN attempts ELSE 0 END,
      due = CASE WHEN v_left THEN v_back ELSE due END
    WHERE kind = v_lane.kind AND owner = v_lane.owner AND key = v_lane.key AND (NOT v_left OR v_back IS NOT NULL);
  v_paused := v_handed AND EXISTS (SELECT FROM readers WHERE id = v_lane.owner AND status <> 'active');
  RETURN jsonb_build_object('outcome', 'done', 'done', 'settled', 'more', v_left AND v_back IS NULL, 'paused', v_paused);
END $$;


--
-- Name: chatbox_standing_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_standing_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_old readers;
BEGIN
  SELECT * INTO v_old FROM readers WHERE id = s ->> 'mailbox' AND status <> 'archived' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  UPDATE readers SET status = s ->> 'standing', fails = 0 WHERE id = v_old.id;
  IF v_old.kind = 'mailbox' AND v_old.status <> s ->> 'standing' THEN
    PERFORM chatbox_happen_v1(
      CASE s ->> 'standing' WHEN 'active' THEN 'mailbox_unpaused' ELSE 'mailbox_paused' END,
      v_old.id, NULL, NULL, NULL, NULL, 0, now);
  END IF;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_subscribe_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_subscribe_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM readers WHERE id = s ->> 'id' AND (kind <> 'subscription' OR account <> s ->> 'account')) THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  INSERT INTO accounts (id) VALUES (s ->> 'account') ON CONFLICT DO NOTHING;
  INSERT INTO readers (id, account, kind, name, door, events, at)
    VALUES (s ->> 'id', s ->> 'account', 'subscription', s ->> 'id', 'push', s ->> 'events', now)
    ON CONFLICT (id) DO UPDATE SET events = excluded.events;
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_switch_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_switch_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_reader readers;
  v_to bigint := (s ->> 'to')::bigint;
  v_head bigint;
  v_seen bigint;
  v_moved boolean;
BEGIN
  SELECT * INTO v_reader FROM readers WHERE id = s ->> 'mailbox' AND kind = 'mailbox' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF v_to IS NOT NULL THEN
    SELECT head INTO v_head FROM chats WHERE id = v_to AND mailbox = v_reader.id;
    IF NOT FOUND THEN
      RETURN '{"outcome": "stale"}';
    END IF;
    SELECT seen INTO v_seen FROM members WHERE chat = v_to AND reader = v_reader.id;
  END IF;
  v_moved := v_reader.focal IS DISTINCT FROM v_to;
  IF v_moved THEN
    UPDATE readers SET focal = v_to, focus_rev = focus_rev + 1, recap_from = v_seen, recap_to = v_head
      WHERE id = v_reader.id RETURNING * INTO v_reader;
    UPDATE members SET seen = greatest(seen, v_head) WHERE chat = v_to AND reader = v_reader.id;
    -- What was said in a chat that the mailbox now reads itself need not be announced any more.
    UPDATE outbox SET state = 'superseded', since = now
      WHERE owner = v_reader.id AND key = 'chat/' || v_to AND state = 'queued' AND payload = '{"focal":false}';
    PERFORM chatbox_happen_v1('focus_changed', v_reader.id, v_to, NULL, NULL, NULL, 0, now);
  END IF;
  RETURN jsonb_build_object('outcome', 'done', 'done', 'switched', 'moved', v_moved, 'focus', jsonb_build_object(
    'chat', v_reader.focal, 'revision', v_reader.focus_rev,
    'recap', CASE WHEN v_reader.recap_to IS NOT NULL THEN
      jsonb_build_object('after', v_reader.recap_from, 'upto', v_reader.recap_to) END));
END $$;


--
-- Name: chatbox_tell_v1(bigint, bigint, text, text, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_tell_v1(v_chat bigint, v_of bigint, v_state text, v_reason text, now bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
  RETURN (
    SELECT chatbox_append_v1(v_chat, 'system', '', NULL, false, 'outcome',
      jsonb_build_object('kind', 'outcome', 'of', v_of, 'state', v_state, 'reason', v_reason)::text,
      NULL, v_of, NULL, now));
END $$;


--
-- Name: chatbox_together_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_together_v1(steps jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_step jsonb;
  v_outcome jsonb;
  v_count bigint := 0;
BEGIN
  FOR v_step IN SELECT * FROM jsonb_array_elements(steps) LOOP
    v_outcome := chatbox_admin_v1(v_step, now);
    IF v_outcome ->> 'outcome' <> 'done' THEN
      RAISE EXCEPTION USING ERRCODE = 'CB001', MESSAGE = v_outcome::text;
    END IF;
    v_count := v_count + coalesce((v_outcome -> 'count')::bigint, 0);
  END LOOP;
  RETURN chatbox_changed_v1(v_count);
EXCEPTION WHEN SQLSTATE 'CB001' THEN
  RETURN SQLERRM::jsonb;
END $$;


--
-- Name: chatbox_turn_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_turn_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_lane lanes;
  v_owner text := s ->> 'owner';
  v_chat bigint := (s -> 'chat')::bigint;
  v_upto bigint := (s -> 'upto')::bigint;
  v_end text := s ->> 'end';
  v_again boolean := s ->> 'end' IN ('again', 'released');
  v_bad bigint;
  v_more boolean;
  v_emit jsonb;
  v_rows jsonb := '[]';
BEGIN
  v_lane := chatbox_lock_v1(s ->> 'kind', v_owner, s ->> 'key');
  IF v_lane.state IS DISTINCT FROM 'busy' OR v_lane.fence <> (s -> 'fence')::bigint THEN
    RETURN '{"outcome": "fenced"}';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM chats WHERE id = v_chat) OR NOT v_again AND EXISTS (
    SELECT 1 FROM jsonb_array_elements(s -> 'emits') e WHERE NOT chatbox_can_say_v1(e))
  THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  IF v_end = 'poisoned' THEN
    v_bad := chatbox_oldest_waking_v1(v_chat, v_owner);
  END IF;
  UPDATE turns SET chat = v_chat, upto = coalesce(v_bad, v_upto), state = v_end, reason = s ->> 'reason',
    usage = (s ->> 'tokens')::bigint WHERE id = v_lane.turn;

  IF v_again THEN
    -- A claim that was released is no attempt.
    UPDATE lanes SET state = 'asleep', holder = NULL, due = now + (s -> 'after')::bigint,
        attempts = greatest(0, attempts - CASE v_end WHEN 'released' THEN 1 ELSE 0 END)
      WHERE kind = v_lane.kind AND owner = v_lane.owner AND key = v_lane.key;
    RETURN '{"outcome": "done", "done": "appended", "rows": [], "more": true}';
  END IF;
  IF v_bad IS NOT NULL THEN
    PERFORM chatbox_hand_over_v1(v_chat, v_owner, v_bad);
    PERFORM chatbox_tell_v1(v_chat, v_bad, 'dead_letter', s ->> 'reason', now);
  ELSIF v_end <> 'poisoned' THEN
    PERFORM chatbox_hand_over_v1(v_chat, v_owner, v_upto);
  END IF;
  FOR v_emit IN SELECT * FROM jsonb_array_elements(s -> 'emits') LOOP
    v_rows := v_rows || chatbox_say_v1(v_emit, v_lane.turn, now);
  END LOOP;

  v_more := EXISTS (
    SELECT 1 FROM chatbox_lane_chats_v1(v_owner, v_lane.key) c
    LEFT JOIN members m ON m.chat = c.id AND m.reader = v_owner
    WHERE c.woken > coalesce(m.handed, 0));
  UPDATE lanes SET state = 'asleep', holder = NULL, attempts = 0,
      due = CASE WHEN v_more THEN greatest(due, now) ELSE due END,
      done = CASE WHEN v_more THEN done ELSE wanted END
    WHERE kind = v_lane.kind AND owner = v_lane.owner AND key = v_lane.key;
  RETURN jsonb_build_object('outcome', 'done', 'done', 'appended', 'rows', v_rows, 'more', v_more);
END $$;


--
-- Name: chatbox_unlink_v1(); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_unlink_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0
    WHERE kind = 'link' AND owner = NEW.id;
  RETURN NULL;
END $$;


--
-- Name: chatbox_unsubscribe_v1(jsonb, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_unsubscribe_v1(s jsonb, now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
  DELETE FROM readers WHERE id = s ->> 'id' AND kind = 'subscription' AND account = s ->> 'account';
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  PERFORM chatbox_end_push_v1(s ->> 'id', now);
  RETURN chatbox_changed_v1(1);
END $$;


--
-- Name: chatbox_wake_lane_v1(text, text, text, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_wake_lane_v1(v_kind text, v_owner text, v_key text, v_delivery bigint, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO lanes AS l (kind, owner, key, wanted, done, state, fence, until, due, attempts)
  VALUES (v_kind, v_owner, v_key, v_delivery, 0, 'asleep', 0, 0, now, 0)
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    wanted = greatest(l.wanted, excluded.wanted),
    due = CASE WHEN l.wanted > l.done THEN greatest(l.due, excluded.due) ELSE excluded.due END;
END $$;


--
-- Name: chatbox_wake_out_v1(text, bigint, bigint, bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_wake_out_v1(v_conn text, v_chat bigint, v_delivery bigint, now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM chatbox_wake_lane_v1('out', v_conn, 'chat/' || v_chat, v_delivery, now);
END $$;


--
-- Name: chatbox_wake_v1(chatbox.arrival_v1[], bigint); Type: FUNCTION; Schema: chatbox; Owner: -
--

CREATE FUNCTION chatbox.chatbox_wake_v1(arrivals chatbox.arrival_v1[], now bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: accounts; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.accounts (
    id text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: connections; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.connections (
    id text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    reader text NOT NULL COLLATE pg_catalog."C",
    platform text NOT NULL COLLATE pg_catalog."C",
    ident text NOT NULL COLLATE pg_catalog."C",
    settings text NOT NULL,
    secret text,
    policy text NOT NULL,
    policy_rev bigint DEFAULT 1 NOT NULL,
    cursor text,
    status text DEFAULT 'active'::text NOT NULL,
    fence bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');


--
-- Name: content; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.content (
    seq bigint NOT NULL,
    body text NOT NULL,
    raw text,
    salt bytea,
    files integer DEFAULT 0 NOT NULL
);


--
-- Name: cursors; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.cursors (
    name text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL
);


--
-- Name: gates; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.gates (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    turn bigint NOT NULL,
    action_hash text NOT NULL,
    shown text NOT NULL,
    approvers text NOT NULL,
    state text NOT NULL,
    until bigint NOT NULL,
    answer_seq bigint
);


--
-- Name: head; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.head (
    one boolean DEFAULT true NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    chat bigint DEFAULT 0 NOT NULL,
    session bigint DEFAULT 0 NOT NULL,
    person bigint DEFAULT 0 NOT NULL,
    delivery bigint DEFAULT 0 NOT NULL,
    CONSTRAINT head_one_check CHECK (one)
);


--
-- Name: idem; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.idem (
    key text NOT NULL COLLATE pg_catalog."C",
    body_hash text,
    reply bigint,
    until bigint
);


--
-- Name: identities; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.identities (
    platform text NOT NULL COLLATE pg_catalog."C",
    ident text NOT NULL COLLATE pg_catalog."C",
    ext text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    person bigint NOT NULL,
    verified boolean DEFAULT false NOT NULL
);


--
-- Name: log; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.log (
    seq bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    chat bigint,
    kind text NOT NULL,
    by text NOT NULL,
    author text NOT NULL,
    author_name text,
    root bigint,
    hops integer DEFAULT 0 NOT NULL,
    conn text COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    target bigint,
    grp text,
    turn bigint,
    "out" boolean NOT NULL,
    late boolean NOT NULL,
    wakes boolean NOT NULL,
    cur_seq bigint,
    hash bytea,
    at bigint NOT NULL
);


--
-- Name: media; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.media (
    seq bigint NOT NULL,
    idx integer NOT NULL,
    state text NOT NULL,
    place text NOT NULL,
    source text,
    name text NOT NULL,
    mime text NOT NULL,
    size bigint,
    hash bytea
);


--
-- Name: members; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.members (
    chat bigint NOT NULL,
    reader text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    handed bigint DEFAULT 0 NOT NULL,
    seen bigint DEFAULT 0 NOT NULL,
    muted boolean DEFAULT false NOT NULL,
    view text,
    role text
)
WITH (fillfactor='70');


--
-- Name: notes; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.notes (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL,
    by text NOT NULL,
    action text NOT NULL,
    target text NOT NULL
);


--
-- Name: notes_id_seq; Type: SEQUENCE; Schema: chatbox; Owner: -
--

ALTER TABLE chatbox.notes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chatbox.notes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: outbox; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.outbox (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    part integer NOT NULL,
    chat bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    class text NOT NULL,
    verb text NOT NULL,
    payload text NOT NULL,
    focal boolean DEFAULT false NOT NULL,
    state text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due bigint,
    expires bigint NOT NULL,
    fence bigint,
    receipt text COLLATE pg_catalog."C",
    degraded text,
    reason text,
    at bigint NOT NULL,
    since bigint NOT NULL
);


--
-- Name: persons; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.persons (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    "into" bigint
);


--
-- Name: readers; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.readers (
    id text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    name text NOT NULL,
    door text,
    scope text,
    focal bigint,
    focus_rev bigint DEFAULT 0 NOT NULL,
    recap_from bigint,
    recap_to bigint,
    status text DEFAULT 'active'::text NOT NULL,
    fails integer DEFAULT 0 NOT NULL,
    events text,
    dropped bigint DEFAULT 0 NOT NULL,
    at bigint DEFAULT 0 NOT NULL
);


--
-- Name: records; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.records (
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    rev bigint NOT NULL,
    uses text NOT NULL,
    at bigint NOT NULL,
    body text NOT NULL
);


--
-- Name: remembered; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.remembered (
    key text NOT NULL COLLATE pg_catalog."C",
    asked text NOT NULL,
    reply text NOT NULL,
    until bigint NOT NULL
);


--
-- Name: schema_version; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.schema_version (
    one boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT schema_version_one_check CHECK (one)
);


--
-- Name: sessions; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.sessions (
    id bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    reader text NOT NULL COLLATE pg_catalog."C",
    person bigint,
    chat bigint
);


--
-- Name: state; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.state (
    conn text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    rev bigint NOT NULL,
    box text NOT NULL
);


--
-- Name: tokens; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.tokens (
    prefix text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL,
    principal text NOT NULL,
    scopes text NOT NULL,
    until bigint
);


--
-- Name: turn_ids; Type: SEQUENCE; Schema: chatbox; Owner: -
--

CREATE SEQUENCE chatbox.turn_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: turns; Type: TABLE; Schema: chatbox; Owner: -
--

CREATE TABLE chatbox.turns (
    id bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    fence bigint NOT NULL,
    head bigint NOT NULL,
    chat bigint,
    upto bigint,
    attempt integer NOT NULL,
    state text NOT NULL,
    reason text,
    draft text,
    usage bigint,
    at bigint NOT NULL
);


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.accounts VALUES ('main');


--
-- Data for Name: chats; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.chats VALUES (2, 'main', 'con_gdagr8qyqrxrbg2mmgar', 'main', 'alpha', 'room', 'group', 'The room', NULL, 2, 20, 17, false, NULL, 'active');
INSERT INTO chatbox.chats VALUES (3, 'main', 'con_en0jmqr03syarc7r0fe5', 'mbx_29gj0nb9rse0sp4e9r7q', 'till', 'c1', 'dm', NULL, NULL, 3, 22, 22, false, NULL, 'active');
INSERT INTO chatbox.chats VALUES (1, 'main', 'con_3uj36vy30u520n0mf8mg', 'main', 'telegram', '42', 'dm', 'User 42', NULL, 1, 24, 7, false, NULL, 'active');


--
-- Data for Name: connections; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.connections VALUES ('con_fdq96kksphmyqs5akuma', 'main', 'main', 'webchat', 'main', '{}', NULL, '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', 1, NULL, 'active', 0);
INSERT INTO chatbox.connections VALUES ('con_gdagr8qyqrxrbg2mmgar', 'main', 'main', 'alpha', 'main', '{}', NULL, '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', 1, NULL, 'active', 0);
INSERT INTO chatbox.connections VALUES ('con_en0jmqr03syarc7r0fe5', 'main', 'mbx_29gj0nb9rse0sp4e9r7q', 'till', 'mbx_29gj0nb9rse0sp4e9r7q', '{}', NULL, '{"trusted":true,"everyone":false,"owner":null,"allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', 1, NULL, 'active', 0);
INSERT INTO chatbox.connections VALUES ('con_3uj36vy30u520n0mf8mg', 'main', 'main', 'telegram', '7000001', '{"api_base":"http://127.0.0.1:35697"}', '{"key":"630dcd2966c43366","sealed":"3QssJ0+WwRNi+cEJnIDx5BqwGVJ/ch8UvOg0D9R3krwLp4JqnuQym/PBSArWo35JBr5Usjo++cmhyvzbv46CyMp+FaRXwRMwxdlWfbY/wx5Z"}', '{"trusted":false,"everyone":false,"owner":"42","allow":[],"deny":[],"bots":false,"link":null,"requests":[]}', 2, '{"bot":7000001,"offset":845000006,"at":1796033118}', 'active', 2);


--
-- Data for Name: content; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.content VALUES (1, '{"kind":"action","name":"start","argument":"rth30t8f"}', '{"update_id":845000001,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033118,"text":"/start rth30t8f","entities":[{"type":"bot_command","offset":0,"length":6}],"message_id":1}}', NULL, 0);
INSERT INTO chatbox.content VALUES (2, '{"kind":"message","text":"Hello! Write to me and I will answer."}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (3, '{"kind":"message","text":"good morning"}', '{"update_id":845000002,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033118,"text":"good morning","message_id":3}}', NULL, 0);
INSERT INTO chatbox.content VALUES (4, '{"kind":"message","text":"You said: good morning"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (5, '{"kind":"edit","target":"42/3","content":{"text":"good morning to you"}}', '{"update_id":845000003,"edited_message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033118,"text":"good morning to you","message_id":3,"edit_date":1796033118}}', NULL, 0);
INSERT INTO chatbox.content VALUES (6, '{"kind":"reaction","target":"42/3","emoji":["👍"]}', '{"update_id":845000004,"message_reaction":{"chat":{"id":42,"type":"private","first_name":"User 42"},"message_id":3,"user":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"date":1796033118,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"}]}}', NULL, 0);
INSERT INTO chatbox.content VALUES (7, '{"kind":"message","text":"","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"pending","source":"AgACAgIAAxkBAAF-000000"}}]}', '{"update_id":845000005,"message":{"from":{"id":42,"is_bot":false,"first_name":"User 42","language_code":"en"},"chat":{"id":42,"type":"private","first_name":"User 42"},"date":1796033118,"document":{"file_id":"AgACAgIAAxkBAAF-000000","file_unique_id":"AQAD000000","file_size":10,"mime_type":"text/plain","file_name":"notes.txt"},"message_id":5}}', NULL, 1);
INSERT INTO chatbox.content VALUES (8, '{"kind":"message","text":"You said: (file: notes.txt)","attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_m5x9vbpx0z2z6hstdwkh"}}]}', NULL, NULL, 1);
INSERT INTO chatbox.content VALUES (9, '{"kind":"message","text":"there are horses outside"}', '{"from":"a day"}', NULL, 0);
INSERT INTO chatbox.content VALUES (10, '{"kind":"message","text":"You said: there are horses outside"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (11, '{"kind":"edit","target":"e1","content":{"text":"there are zebras outside"}}', '{"from":"a day"}', NULL, 0);
INSERT INTO chatbox.content VALUES (12, '{"kind":"reaction","target":"e1","emoji":["👍"]}', '{"from":"a day"}', NULL, 0);
INSERT INTO chatbox.content VALUES (13, '{"of": 10, "kind": "outcome", "state": "failed", "reason": "nothing can be sent to alpha"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (14, '{"kind":"message","text":"a mistake"}', '{"from":"a day"}', NULL, 0);
INSERT INTO chatbox.content VALUES (15, '{"kind":"message","text":"You said: a mistake"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (16, '{"kind":"delete","target":"e4"}', '{"from":"a day"}', NULL, 0);
INSERT INTO chatbox.content VALUES (17, '{"kind":"message","text":"look","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_vrz6098s0chq8js76jaj"}}]}', '{"from":"a day"}', NULL, 1);
INSERT INTO chatbox.content VALUES (18, '{"of": 15, "kind": "outcome", "state": "failed", "reason": "nothing can be sent to alpha"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (19, '{"kind":"message","text":"You said: look\n(file: a.txt)","attachments":[{"name":"a.txt","mime":"text/plain","size":5,"media":{"state":"ready","id":"file_vrz6098s0chq8js76jaj"}}]}', NULL, NULL, 1);
INSERT INTO chatbox.content VALUES (20, '{"of": 19, "kind": "outcome", "state": "failed", "reason": "nothing can be sent to alpha"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (21, '{"kind":"message","text":"one pound of apples"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (22, '{"kind":"message","text":"and two of pears"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (23, '{"kind":"message","text":"good evening"}', NULL, NULL, 0);
INSERT INTO chatbox.content VALUES (24, '{"kind":"message","text":"Lights out?"}', NULL, NULL, 0);


--
-- Data for Name: cursors; Type: TABLE DATA; Schema: chatbox; Owner: -
--



--
-- Data for Name: gates; Type: TABLE DATA; Schema: chatbox; Owner: -
--



--
-- Data for Name: head; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.head VALUES (true, 24, 3, 3, 2, 13);


--
-- Data for Name: idem; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.idem VALUES ('question/db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', NULL, 24, NULL);


--
-- Data for Name: identities; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.identities VALUES ('telegram', '7000001', '42', 'main', 1, false);
INSERT INTO chatbox.identities VALUES ('till', 'mbx_29gj0nb9rse0sp4e9r7q', 'bo', 'main', 2, false);


--
-- Data for Name: lanes; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.lanes VALUES ('link', 'con_fdq96kksphmyqs5akuma', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('link', 'con_gdagr8qyqrxrbg2mmgar', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('out', 'con_gdagr8qyqrxrbg2mmgar', 'chat/2', 6, 6, 'asleep', 3, NULL, 1796033120870, 1796033118853, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('link', 'con_en0jmqr03syarc7r0fe5', 'link', 1, 0, 'asleep', 0, NULL, 0, 0, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('push', 'mbx_29gj0nb9rse0sp4e9r7q', 'chat/3', 10, 10, 'asleep', 1, NULL, 1796033120911, 1796033118939, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('turn', 'main', 'session/1', 7, 7, 'asleep', 2, NULL, 1796033120732, 1796033118722, 0, 2);
INSERT INTO chatbox.lanes VALUES ('turn', 'main', 'session/2', 17, 17, 'asleep', 3, NULL, 1796033120832, 1796033118832, 0, 5);
INSERT INTO chatbox.lanes VALUES ('push', 'sub_ek5dufhyck27grvqwwxz', 'events', 11, 11, 'asleep', 2, NULL, 1796033121026, 1796033118949, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('out', 'con_3uj36vy30u520n0mf8mg', 'chat/1', 13, 13, 'asleep', 4, NULL, 1796033121222, 1796033119258, 0, NULL);
INSERT INTO chatbox.lanes VALUES ('link', 'con_3uj36vy30u520n0mf8mg', 'link', 1, 0, 'busy', 2, 'worker_rpz2xdzpn73ghkv2k5kr', 1796033120243, 0, 2, NULL);


--
-- Data for Name: log; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.log VALUES (1, 'main', 1, 'action', 'person', '42', 'User 42', NULL, 0, 'con_3uj36vy30u520n0mf8mg', '42/1', NULL, NULL, NULL, false, false, false, NULL, NULL, 1796033118592);
INSERT INTO chatbox.log VALUES (2, 'main', 1, 'message', 'system', '', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, true, false, false, NULL, NULL, 1796033118623);
INSERT INTO chatbox.log VALUES (4, 'main', 1, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, 1, true, false, false, NULL, NULL, 1796033118678);
INSERT INTO chatbox.log VALUES (7, 'main', 1, 'message', 'person', '42', 'User 42', NULL, 0, 'con_3uj36vy30u520n0mf8mg', '42/5', NULL, NULL, NULL, false, false, true, NULL, NULL, 1796033118711);
INSERT INTO chatbox.log VALUES (5, 'main', 1, 'edit', 'person', '42', 'User 42', NULL, 0, 'con_3uj36vy30u520n0mf8mg', 'u845000003', 3, NULL, NULL, false, false, false, NULL, NULL, 1796033118711);
INSERT INTO chatbox.log VALUES (3, 'main', 1, 'message', 'person', '42', 'User 42', NULL, 0, 'con_3uj36vy30u520n0mf8mg', '42/3', NULL, NULL, NULL, false, false, true, 5, NULL, 1796033118659);
INSERT INTO chatbox.log VALUES (6, 'main', 1, 'reaction', 'person', '42', 'User 42', NULL, 0, 'con_3uj36vy30u520n0mf8mg', 'u845000004', 3, NULL, NULL, false, false, false, NULL, NULL, 1796033118711);
INSERT INTO chatbox.log VALUES (8, 'main', 1, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, 2, true, false, false, NULL, NULL, 1796033118745);
INSERT INTO chatbox.log VALUES (10, 'main', 2, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, 3, true, false, false, NULL, NULL, 1796033118793);
INSERT INTO chatbox.log VALUES (11, 'main', 2, 'edit', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e2', 9, NULL, NULL, false, false, false, NULL, NULL, 1796033118793);
INSERT INTO chatbox.log VALUES (9, 'main', 2, 'message', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e1', NULL, NULL, NULL, false, false, true, 11, NULL, 1796033118786);
INSERT INTO chatbox.log VALUES (12, 'main', 2, 'reaction', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e3', 9, NULL, NULL, false, false, false, NULL, NULL, 1796033118799);
INSERT INTO chatbox.log VALUES (13, 'main', 2, 'outcome', 'system', '', NULL, NULL, 0, NULL, NULL, 10, NULL, NULL, false, false, false, NULL, NULL, 1796033118806);
INSERT INTO chatbox.log VALUES (15, 'main', 2, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, 4, true, false, false, NULL, NULL, 1796033118819);
INSERT INTO chatbox.log VALUES (16, 'main', 2, 'delete', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e5', 14, NULL, NULL, false, false, false, NULL, NULL, 1796033118819);
INSERT INTO chatbox.log VALUES (14, 'main', 2, 'message', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e4', NULL, NULL, NULL, false, false, true, 16, NULL, 1796033118809);
INSERT INTO chatbox.log VALUES (17, 'main', 2, 'message', 'person', 'ann', 'Ann', NULL, 0, 'con_gdagr8qyqrxrbg2mmgar', 'e6', NULL, NULL, NULL, false, false, true, NULL, NULL, 1796033118832);
INSERT INTO chatbox.log VALUES (18, 'main', 2, 'outcome', 'system', '', NULL, NULL, 0, NULL, NULL, 15, NULL, NULL, false, false, false, NULL, NULL, 1796033118838);
INSERT INTO chatbox.log VALUES (19, 'main', 2, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, 5, true, false, false, NULL, NULL, 1796033118853);
INSERT INTO chatbox.log VALUES (20, 'main', 2, 'outcome', 'system', '', NULL, NULL, 0, NULL, NULL, 19, NULL, NULL, false, false, false, NULL, NULL, 1796033118885);
INSERT INTO chatbox.log VALUES (21, 'main', 3, 'message', 'person', 'bo', NULL, NULL, 0, 'con_en0jmqr03syarc7r0fe5', 's1', NULL, NULL, NULL, false, false, true, NULL, NULL, 1796033118911);
INSERT INTO chatbox.log VALUES (22, 'main', 3, 'message', 'person', 'bo', NULL, NULL, 0, 'con_en0jmqr03syarc7r0fe5', 's2', NULL, NULL, NULL, false, false, true, NULL, NULL, 1796033118939);
INSERT INTO chatbox.log VALUES (23, 'main', 1, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, true, false, false, NULL, NULL, 1796033119211);
INSERT INTO chatbox.log VALUES (24, 'main', 1, 'message', 'mailbox', 'main', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, true, false, false, NULL, NULL, 1796033119258);


--
-- Data for Name: media; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.media VALUES (7, 0, 'ready', '{"state":"ready","id":"file_m5x9vbpx0z2z6hstdwkh"}', NULL, 'notes.txt', 'text/plain', 10, NULL);
INSERT INTO chatbox.media VALUES (8, 0, 'ready', '{"state":"ready","id":"file_m5x9vbpx0z2z6hstdwkh"}', NULL, 'notes.txt', 'text/plain', 10, NULL);
INSERT INTO chatbox.media VALUES (17, 0, 'ready', '{"state":"ready","id":"file_vrz6098s0chq8js76jaj"}', NULL, 'a.txt', 'text/plain', 5, NULL);
INSERT INTO chatbox.media VALUES (19, 0, 'ready', '{"state":"ready","id":"file_vrz6098s0chq8js76jaj"}', NULL, 'a.txt', 'text/plain', 5, NULL);


--
-- Data for Name: members; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.members VALUES (2, 'main', 'main', 18, 18, false, NULL, NULL);
INSERT INTO chatbox.members VALUES (3, 'mbx_29gj0nb9rse0sp4e9r7q', 'main', 22, 0, false, NULL, NULL);
INSERT INTO chatbox.members VALUES (1, 'main', 'main', 7, 8, false, NULL, NULL);


--
-- Data for Name: notes; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (1, 'main', 1796033118534, 'operator', 'add_connection', 'con_3uj36vy30u520n0mf8mg');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (2, 'main', 1796033118773, 'operator', 'add_connection', 'con_gdagr8qyqrxrbg2mmgar');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (3, 'main', 1796033118843, 'operator', 'create_credential', 'crd_d5ktfacbgnyzcwcbacet');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (4, 'main', 1796033118856, 'operator', 'create_token', 'cbx_scxdt8bpugraq89rta5f');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (5, 'main', 1796033118863, 'operator', 'create_mailbox', 'mbx_29gj0nb9rse0sp4e9r7q');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (6, 'main', 1796033118873, 'operator', 'create_subscription', 'sub_ek5dufhyck27grvqwwxz');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (7, 'main', 1796033118894, 'operator', 'add_connection', 'con_en0jmqr03syarc7r0fe5');
INSERT INTO chatbox.notes OVERRIDING SYSTEM VALUE VALUES (8, 'main', 1796033119111, 'operator', 'replace_mcp_token', 'main');


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.outbox VALUES (1, 'main', 2, 0, 1, 'con_3uj36vy30u520n0mf8mg', 'chat/1', 'ambiguous', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"Hello! Write to me and I will answer."}]}]}', false, 'delivered', 0, NULL, 1796036718623, 1, '42/2', NULL, NULL, 1796033118623, 1796033118651);
INSERT INTO chatbox.outbox VALUES (2, 'main', 4, 0, 1, 'con_3uj36vy30u520n0mf8mg', 'chat/1', 'ambiguous', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: good morning"}]}]}', false, 'delivered', 0, NULL, 1796036718678, 2, '42/4', NULL, NULL, 1796033118678, 1796033118720);
INSERT INTO chatbox.outbox VALUES (3, 'main', 8, 0, 1, 'con_3uj36vy30u520n0mf8mg', 'chat/1', 'ambiguous', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: (file: notes.txt)"}]}],"attachments":[{"name":"notes.txt","mime":"text/plain","size":10,"media":{"state":"ready","id":"file_m5x9vbpx0z2z6hstdwkh"}}]}', false, 'delivered', 0, NULL, 1796036718745, 3, '42/6', NULL, NULL, 1796033118745, 1796033118767);
INSERT INTO chatbox.outbox VALUES (4, 'main', 10, 0, 2, 'con_gdagr8qyqrxrbg2mmgar', 'chat/2', 'idempotent', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: there are horses outside"}]}]}', false, 'failed', 0, NULL, 1796036718793, 1, NULL, NULL, 'nothing can be sent to alpha', 1796033118793, 1796033118806);
INSERT INTO chatbox.outbox VALUES (5, 'main', 15, 0, 2, 'con_gdagr8qyqrxrbg2mmgar', 'chat/2', 'idempotent', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: a mistake"}]}]}', false, 'failed', 0, NULL, 1796036718819, 2, NULL, NULL, 'nothing can be sent to alpha', 1796033118819, 1796033118838);
INSERT INTO chatbox.outbox VALUES (6, 'main', 19, 0, 2, 'con_gdagr8qyqrxrbg2mmgar', 'chat/2', 'idempotent', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"You said: look"},"break",{"text":"(file: a.txt)"}]},{"paragraph":[{"text":"[file: a.txt]"}]}]}', false, 'failed', 0, NULL, 1796036718853, 3, NULL, NULL, 'nothing can be sent to alpha', 1796033118853, 1796033118885);
INSERT INTO chatbox.outbox VALUES (7, 'main', 19, 0, 2, 'sub_ek5dufhyck27grvqwwxz', 'events', 'idempotent', 'event', '{"event": {"chat": 2, "type": "delivery_failed", "reason": "nothing can be sent to alpha", "mailbox": "main", "delivery": 6, "connection": null}}', false, 'delivered', 0, NULL, 1796119518885, 1, NULL, NULL, NULL, 1796033118885, 1796033118924);
INSERT INTO chatbox.outbox VALUES (8, 'main', 21, 0, 3, 'sub_ek5dufhyck27grvqwwxz', 'events', 'idempotent', 'event', '{"event": {"chat": 3, "type": "new_chat", "reason": null, "mailbox": "mbx_29gj0nb9rse0sp4e9r7q", "delivery": null, "connection": "con_en0jmqr03syarc7r0fe5"}}', false, 'delivered', 0, NULL, 1796119518911, 1, NULL, NULL, NULL, 1796033118911, 1796033118939);
INSERT INTO chatbox.outbox VALUES (9, 'main', 21, 0, 3, 'mbx_29gj0nb9rse0sp4e9r7q', 'chat/3', 'idempotent', 'hand', '{"focal":false}', false, 'failed', 0, NULL, 1796637918911, 1, NULL, NULL, 'the endpoint answered 400', 1796033118911, 1796033118949);
INSERT INTO chatbox.outbox VALUES (10, 'main', 22, 0, 3, 'mbx_29gj0nb9rse0sp4e9r7q', 'chat/3', 'idempotent', 'hand', '{"focal":false}', false, 'delivered', 0, NULL, 1796637918939, 1, NULL, NULL, NULL, 1796033118939, 1796033118961);
INSERT INTO chatbox.outbox VALUES (11, 'main', 21, 0, 3, 'sub_ek5dufhyck27grvqwwxz', 'events', 'idempotent', 'event', '{"event": {"chat": 3, "type": "delivery_failed", "reason": "the endpoint answered 400", "mailbox": "mbx_29gj0nb9rse0sp4e9r7q", "delivery": 9, "connection": null}}', false, 'delivered', 0, NULL, 1796119518949, 2, NULL, NULL, NULL, 1796033118949, 1796033119104);
INSERT INTO chatbox.outbox VALUES (12, 'main', 23, 0, 1, 'con_3uj36vy30u520n0mf8mg', 'chat/1', 'ambiguous', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"good evening"}]}]}', false, 'delivered', 0, NULL, 1796036719211, 4, '42/7', NULL, NULL, 1796033119211, 1796033119264);
INSERT INTO chatbox.outbox VALUES (13, 'main', 24, 0, 1, 'con_3uj36vy30u520n0mf8mg', 'chat/1', 'ambiguous', 'send', '{"verb":"send","markup":[{"paragraph":[{"text":"Lights out?"}]}]}', false, 'delivered', 0, NULL, 1796036719258, 4, '42/8', NULL, NULL, 1796033119258, 1796033119282);


--
-- Data for Name: persons; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.persons VALUES (1, 'main', NULL);
INSERT INTO chatbox.persons VALUES (2, 'main', NULL);


--
-- Data for Name: readers; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.readers VALUES ('sub_ek5dufhyck27grvqwwxz', 'main', 'subscription', 'sub_ek5dufhyck27grvqwwxz', 'push', NULL, NULL, 0, NULL, NULL, 'active', 0, '["new_chat","delivery_failed"]', 0, 1796033118873);
INSERT INTO chatbox.readers VALUES ('mbx_29gj0nb9rse0sp4e9r7q', 'main', 'mailbox', 'shop', 'push', 'chat', NULL, 0, NULL, NULL, 'active', 0, NULL, 0, 1796033118863);
INSERT INTO chatbox.readers VALUES ('main', 'main', 'mailbox', 'main', 'pull', 'session', 1, 1, NULL, NULL, 'active', 0, NULL, 0, 1796033118422);


--
-- Data for Name: records; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.records VALUES ('credential', 'crd_d5ktfacbgnyzcwcbacet', 'main', 'signs', 1, '[]', 1796033118843, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"TiFe3IUOJYCG93ihPb/O4sjpZFPWceg9AZvm426rArMJCsOcTDdC/9k72xuVkqaTR+YoPrhHO5v7UGL7G76HfZ8H76Lo7Vd+xykwLoi340b05Gw4Cm7Fax8E"}}');
INSERT INTO chatbox.records VALUES ('credential', 'crd_jxmhtthpywta9yb76thu', 'main', 'signing of mbx_29gj0nb9rse0sp4e9r7q', 1, '[]', 1796033118863, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"rHuI5ByYXO72MTJhAixSpiJo8DLmTU0uVvHFSUNoXJGI3uHXh92/ysvO79Rfu3ZvX6zpYf5BUk9qaqA+V040dRjAG6ObOC7RpkeFxz9gTX3hs05Ox8VGYN74"}}');
INSERT INTO chatbox.records VALUES ('mailbox', 'mbx_29gj0nb9rse0sp4e9r7q', 'main', 'shop', 1, '["crd_jxmhtthpywta9yb76thu"]', 1796033118863, '{"webhook_url":"http://127.0.0.1:37645/hook","auth":null,"signing":["crd_jxmhtthpywta9yb76thu"],"templates":{"notification":"$TEXT"}}');
INSERT INTO chatbox.records VALUES ('credential', 'crd_cang3ftn4yyuzmuwn6as', 'main', 'signing of sub_ek5dufhyck27grvqwwxz', 1, '[]', 1796033118873, '{"kind":"signing","sealed":{"key":"630dcd2966c43366","sealed":"+NGz6Avq53xpzGPdll5RAs8Iw1TvXc4rWkIWZI0WznLsmuZiZquSECslaJpu5tRXtILE5U7WossFyjtUqui5h5hn+v0tdUkw3RVdceI+uNSOiYoEl+7j5+wh"}}');
INSERT INTO chatbox.records VALUES ('subscription', 'sub_ek5dufhyck27grvqwwxz', 'main', 'sub_ek5dufhyck27grvqwwxz', 1, '["crd_cang3ftn4yyuzmuwn6as"]', 1796033118873, '{"url":"http://127.0.0.1:37645/hook","signing":["crd_cang3ftn4yyuzmuwn6as"]}');
INSERT INTO chatbox.records VALUES ('question', 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 'main', 'db4c5404ab9b7ed63e330e68ba3a00a6b2e9bfd8d3c288313cc8f60b5f51e602', 2, '[]', 1796033119228, '{"id":"lights","chat":1,"text":"Lights out?","choices":[],"until":1796033719225,"row":24,"end":null}');


--
-- Data for Name: remembered; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.remembered VALUES ('6cf0671f8041d4afb35cfc61750c9421189efed0516fda8f2a348e4168a2ccb1', '1a25ade8b82b5eabc939e63fc0e461607b2bf04adf489452ea5c305406481fcc', '{"key":"630dcd2966c43366","sealed":"7jn1yJ8hEi8/tpSbCqeIrodB6L+5VQ8QFP9Y40n9kVZWMyCiUnaDT98MKbOgQLFFmzNa48EDZDTUZ5Hdl4/9RakfOm7Jj/T4zWELLB70IRrKZ8g0rRDor7xzubde5JnxN3yFIceEmP8L0Kw2NAEi0EAyT9GVwHiLf1MCvmw0u9yswbHmsHZgCGNWey/eKXAQ/azX1AFg+8En4T2ld95Czugc2AZCzh/TdW+2P1t1uLWqlUfLOcmP1R2QtLHKYsIIos2kWu1oLNCLRgS/WgOv0193e0jBqPq7vuAJv4rlxCocF+dQ"}', 1796119518843);


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.schema_version VALUES (true, 1);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.sessions VALUES (1, 'main', 'main', 1, NULL);
INSERT INTO chatbox.sessions VALUES (2, 'main', 'main', NULL, 2);
INSERT INTO chatbox.sessions VALUES (3, 'main', 'mbx_29gj0nb9rse0sp4e9r7q', 2, NULL);


--
-- Data for Name: state; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.state VALUES ('con_gdagr8qyqrxrbg2mmgar', 'place', 1, '{"key":"630dcd2966c43366","sealed":"y9NUD8jXuRZFdHXLNZa5MWL4qmcWogJSPY9OoYp/vQ3csS6JLYKUhFTleMW+Sw=="}');


--
-- Data for Name: tokens; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.tokens VALUES ('inbound_ebfejs8mgpuw8jm66wjx', 'main', '089f76964f9fa51d020c5b63077cbd55cfa3e0e60597296f4d851addf70dd9e6', 'con_gdagr8qyqrxrbg2mmgar', '["inbound"]', NULL);
INSERT INTO chatbox.tokens VALUES ('cbx_scxdt8bpugraq89rta5f', 'main', 'd6237e7a45814a499a3638de8f3934956047c7a3f85f1472178e2c9b4d49c879', 'looks', '["admin"]', NULL);
INSERT INTO chatbox.tokens VALUES ('mcp_bd6446d92ac673ae1413', 'main', '0b34594e93590017c5fa5e205aef8bd835a882bc64648445a34c0d67c6aaa353', 'mbx_29gj0nb9rse0sp4e9r7q', '["mcp"]', NULL);
INSERT INTO chatbox.tokens VALUES ('inbound_4kcynyaj4cxn78tjsnwj', 'main', '9d41927048f4ccf38f5c8be8ea364ceddab873d672f0c5abedc6234e4dd2f629', 'con_en0jmqr03syarc7r0fe5', '["inbound"]', NULL);
INSERT INTO chatbox.tokens VALUES ('mcp_0d6e4079e36703ebd37c', 'main', 'a5f2664887a788bb7064932f8ae85c89cf0660b5bc03e40453ba76f5d26c5bfb', 'main', '["mcp"]', NULL);


--
-- Data for Name: turns; Type: TABLE DATA; Schema: chatbox; Owner: -
--

INSERT INTO chatbox.turns VALUES (1, 'main', 'session/1', 1, 3, 1, 3, 1, 'done', NULL, NULL, 0, 1796033118659);
INSERT INTO chatbox.turns VALUES (2, 'main', 'session/1', 2, 7, 1, 7, 1, 'done', NULL, NULL, 0, 1796033118732);
INSERT INTO chatbox.turns VALUES (3, 'main', 'session/2', 1, 9, 2, 9, 1, 'done', NULL, NULL, 0, 1796033118786);
INSERT INTO chatbox.turns VALUES (4, 'main', 'session/2', 2, 14, 2, 14, 1, 'done', NULL, NULL, 0, 1796033118809);
INSERT INTO chatbox.turns VALUES (5, 'main', 'session/2', 3, 17, 2, 18, 1, 'done', NULL, NULL, 0, 1796033118832);


--
-- Name: notes_id_seq; Type: SEQUENCE SET; Schema: chatbox; Owner: -
--

SELECT pg_catalog.setval('chatbox.notes_id_seq', 8, true);


--
-- Name: turn_ids; Type: SEQUENCE SET; Schema: chatbox; Owner: -
--

SELECT pg_catalog.setval('chatbox.turn_ids', 5, true);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


--
-- Name: chats chats_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.chats
    ADD CONSTRAINT chats_pkey PRIMARY KEY (id);


--
-- Name: connections connections_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (id);


--
-- Name: content content_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (seq);


--
-- Name: cursors cursors_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (name);


--
-- Name: gates gates_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.gates
    ADD CONSTRAINT gates_pkey PRIMARY KEY (id);


--
-- Name: head head_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (one);


--
-- Name: idem idem_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.idem
    ADD CONSTRAINT idem_pkey PRIMARY KEY (key);


--
-- Name: identities identities_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (platform, ident, ext);


--
-- Name: lanes lanes_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (kind, owner, key);


--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (seq);


--
-- Name: media media_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (seq, idx);


--
-- Name: members members_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (chat, reader);


--
-- Name: notes notes_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);


--
-- Name: persons persons_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.persons
    ADD CONSTRAINT persons_pkey PRIMARY KEY (id);


--
-- Name: readers readers_account_kind_name_key; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.readers
    ADD CONSTRAINT readers_account_kind_name_key UNIQUE (account, kind, name);


--
-- Name: readers readers_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.readers
    ADD CONSTRAINT readers_pkey PRIMARY KEY (id);


--
-- Name: records records_account_kind_name_key; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.records
    ADD CONSTRAINT records_account_kind_name_key UNIQUE (account, kind, name);


--
-- Name: records records_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (kind, id);


--
-- Name: remembered remembered_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.remembered
    ADD CONSTRAINT remembered_pkey PRIMARY KEY (key);


--
-- Name: schema_version schema_version_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (one);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: state state_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.state
    ADD CONSTRAINT state_pkey PRIMARY KEY (conn, key);


--
-- Name: tokens tokens_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (prefix);


--
-- Name: turns turns_owner_key_fence_key; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.turns
    ADD CONSTRAINT turns_owner_key_fence_key UNIQUE (owner, key, fence);


--
-- Name: turns turns_pkey; Type: CONSTRAINT; Schema: chatbox; Owner: -
--

ALTER TABLE ONLY chatbox.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (id);


--
-- Name: chats_account_platform_handle_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX chats_account_platform_handle_idx ON chatbox.chats USING btree (account, platform, handle) WHERE (conn IS NULL);


--
-- Name: chats_conn_handle_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX chats_conn_handle_idx ON chatbox.chats USING btree (conn, handle) WHERE (conn IS NOT NULL);


--
-- Name: chats_mailbox_head_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX chats_mailbox_head_idx ON chatbox.chats USING btree (mailbox, head);


--
-- Name: chats_session_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX chats_session_idx ON chatbox.chats USING btree (session);


--
-- Name: connections_platform_ident_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX connections_platform_ident_idx ON chatbox.connections USING btree (platform, ident) WHERE (status = 'active'::text);


--
-- Name: connections_reader_platform_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX connections_reader_platform_idx ON chatbox.connections USING btree (reader, platform) WHERE (status = 'active'::text);


--
-- Name: lanes_kind_due_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX lanes_kind_due_idx ON chatbox.lanes USING btree (kind, due) WHERE ((state = 'asleep'::text) AND (wanted > done));


--
-- Name: lanes_kind_until_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX lanes_kind_until_idx ON chatbox.lanes USING btree (kind, until) WHERE (state = 'busy'::text);


--
-- Name: log_chat_seq_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX log_chat_seq_idx ON chatbox.log USING btree (chat, seq);


--
-- Name: log_conn_event_id_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX log_conn_event_id_idx ON chatbox.log USING btree (conn, event_id) WHERE (event_id IS NOT NULL);


--
-- Name: log_target_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX log_target_idx ON chatbox.log USING btree (target) WHERE (target IS NOT NULL);


--
-- Name: log_turn_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX log_turn_idx ON chatbox.log USING btree (turn) WHERE (turn IS NOT NULL);


--
-- Name: media_seq_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX media_seq_idx ON chatbox.media USING btree (seq) WHERE (state = 'pending'::text);


--
-- Name: members_reader_chat_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX members_reader_chat_idx ON chatbox.members USING btree (reader, chat);


--
-- Name: notes_account_id_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX notes_account_id_idx ON chatbox.notes USING btree (account, id);


--
-- Name: outbox_owner_key_id_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX outbox_owner_key_id_idx ON chatbox.outbox USING btree (owner, key, id) WHERE (state = ANY (ARRAY['queued'::text, 'custody'::text]));


--
-- Name: outbox_owner_receipt_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX outbox_owner_receipt_idx ON chatbox.outbox USING btree (owner, receipt) WHERE (receipt IS NOT NULL);


--
-- Name: outbox_seq_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX outbox_seq_idx ON chatbox.outbox USING btree (seq);


--
-- Name: remembered_until_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX remembered_until_idx ON chatbox.remembered USING btree (until);


--
-- Name: sessions_reader_chat_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX sessions_reader_chat_idx ON chatbox.sessions USING btree (reader, chat) WHERE (chat IS NOT NULL);


--
-- Name: sessions_reader_person_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE UNIQUE INDEX sessions_reader_person_idx ON chatbox.sessions USING btree (reader, person) WHERE (person IS NOT NULL);


--
-- Name: turns_chat_upto_idx; Type: INDEX; Schema: chatbox; Owner: -
--

CREATE INDEX turns_chat_upto_idx ON chatbox.turns USING btree (chat, upto);


--
-- Name: connections link; Type: TRIGGER; Schema: chatbox; Owner: -
--

CREATE TRIGGER link AFTER INSERT ON chatbox.connections FOR EACH ROW EXECUTE FUNCTION chatbox.chatbox_link_v1();


--
-- Name: connections unlink; Type: TRIGGER; Schema: chatbox; Owner: -
--

CREATE TRIGGER unlink AFTER UPDATE OF status ON chatbox.connections FOR EACH ROW WHEN ((new.status <> 'active'::text)) EXECUTE FUNCTION chatbox.chatbox_unlink_v1();


--
-- PostgreSQL database dump complete
--
