-- Saying something, and deciding about deliveries.

-- Appends a row that did not come from a platform. The head is locked.
CREATE FUNCTION chatbox_append_v1(
  v_chat bigint, v_by text, v_author text, v_name text, v_out boolean, v_kind text, v_body text, v_files jsonb,
  v_target bigint, v_turn bigint, now bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
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

-- Tells a chat what became of an earlier row.
CREATE FUNCTION chatbox_tell_v1(v_chat bigint, v_of bigint, v_state text, v_reason text, now bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN (
    SELECT chatbox_append_v1(v_chat, 'system', '', NULL, false, 'outcome',
      jsonb_build_object('kind', 'outcome', 'of', v_of, 'state', v_state, 'reason', v_reason)::text,
      NULL, v_of, NULL, now));
END $$;

-- Whether the chat is one of the mailbox's and the row it is about exists.
CREATE FUNCTION chatbox_can_say_v1(e jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT EXISTS (SELECT 1 FROM chats WHERE id = (e -> 'chat')::bigint AND mailbox = e ->> 'mailbox')
      AND (e ->> 'target' IS NULL OR EXISTS (SELECT 1 FROM log WHERE seq = (e ->> 'target')::bigint)));
END $$;

CREATE FUNCTION chatbox_said_before_v1(e jsonb) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT reply FROM idem WHERE key = e ->> 'idem');
END $$;

-- Says it, or tells the row it became when it was said before.
CREATE FUNCTION chatbox_say_v1(e jsonb, v_turn bigint, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_wake_out_v1(v_conn text, v_chat bigint, v_delivery bigint, now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM chatbox_wake_lane_v1('out', v_conn, 'chat/' || v_chat, v_delivery, now);
END $$;

CREATE FUNCTION chatbox_wake_lane_v1(v_kind text, v_owner text, v_key text, v_delivery bigint, now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lanes AS l (kind, owner, key, wanted, done, state, fence, until, due, attempts)
  VALUES (v_kind, v_owner, v_key, v_delivery, 0, 'asleep', 0, 0, now, 0)
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    wanted = greatest(l.wanted, excluded.wanted),
    due = CASE WHEN l.wanted > l.done THEN greatest(l.due, excluded.due) ELSE excluded.due END;
END $$;

CREATE FUNCTION chatbox_emit_v1(e jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- What a hand-out that was decided means for whom it is handed to: how far a mailbox was handed over to, and whether it
-- goes on.
CREATE FUNCTION chatbox_handed_out_v1(
  v_chat bigint, v_reader text, v_seq bigint, v_to text, v_most integer, now bigint
) RETURNS void LANGUAGE plpgsql AS $$
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

-- Decides about a delivery under its lane's fence.
CREATE FUNCTION chatbox_settle_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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
