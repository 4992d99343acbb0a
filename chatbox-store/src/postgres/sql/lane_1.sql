-- Lanes: claiming, keeping, and ending turns.

CREATE FUNCTION chatbox_claim_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Locks a lane by a statement of its own: what is asked afterwards sees all that was committed before.
CREATE FUNCTION chatbox_lock_v1(v_kind text, v_owner text, v_key text) RETURNS lanes LANGUAGE plpgsql AS $$
DECLARE
  v_lane lanes;
BEGIN
  SELECT * INTO v_lane FROM lanes WHERE kind = v_kind AND owner = v_owner AND key = v_key FOR UPDATE;
  RETURN v_lane;
END $$;

CREATE FUNCTION chatbox_done_v1() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"outcome": "done", "done": "nothing"}'::jsonb
$$;

CREATE FUNCTION chatbox_renew_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET until = now + (s -> 'lease')::bigint
    WHERE kind = s ->> 'kind' AND owner = s ->> 'owner' AND key = s ->> 'key'
      AND state = 'busy' AND fence = (s -> 'fence')::bigint;
  RETURN CASE WHEN FOUND THEN chatbox_done_v1() ELSE '{"outcome": "fenced"}' END;
END $$;

-- The chats in which a turn lane looks for work.
CREATE FUNCTION chatbox_lane_chats_v1(v_owner text, v_key text) RETURNS SETOF chats LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF v_key = 'mailbox' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner;
  ELSIF v_key LIKE 'session/%' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner AND session = substr(v_key, 9)::bigint;
  ELSIF v_key LIKE 'chat/%' THEN
    RETURN QUERY SELECT * FROM chats WHERE mailbox = v_owner AND id = substr(v_key, 6)::bigint;
  END IF;
END $$;

CREATE FUNCTION chatbox_handed_v1(v_chat bigint, v_reader text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce((SELECT handed FROM members WHERE chat = v_chat AND reader = v_reader), 0));
END $$;

CREATE FUNCTION chatbox_oldest_waking_v1(v_chat bigint, v_reader text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT seq FROM log
    WHERE chat = v_chat AND seq > chatbox_handed_v1(v_chat, v_reader) AND wakes
    ORDER BY seq LIMIT 1);
END $$;

CREATE FUNCTION chatbox_hand_over_v1(v_chat bigint, v_reader text, v_upto bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO members AS m (chat, reader, account, handed, seen)
  SELECT id, v_reader, account, greatest(v_upto, 0), greatest(v_upto, 0) FROM chats WHERE id = v_chat
  ON CONFLICT (chat, reader) DO UPDATE SET
    handed = greatest(m.handed, excluded.handed), seen = greatest(m.seen, excluded.seen);
END $$;

-- Ends a turn. The head and then the lane are locked before anything is looked at.
CREATE FUNCTION chatbox_turn_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- The file's new place. After the last file of the chat's rows that wait for a turn, the lane need not wait for files.
CREATE FUNCTION chatbox_media_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_ack_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO members AS m (chat, reader, account, seen)
    SELECT id, s ->> 'reader', account, greatest((s -> 'seen')::bigint, 0) FROM chats
    WHERE id = (s -> 'chat')::bigint AND head >= (s -> 'seen')::bigint
    ON CONFLICT (chat, reader) DO UPDATE SET seen = greatest(m.seen, excluded.seen);
  RETURN CASE WHEN FOUND THEN chatbox_done_v1() ELSE '{"outcome": "stale"}' END;
END $$;
