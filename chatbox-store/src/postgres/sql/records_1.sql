-- What people set up and the server only keeps, who is told what happens, and changes that go together.

-- A service event: everybody in the mailbox's account who wants to know is told, unless too much waits for them. Whoever
-- calls this holds the head.
CREATE FUNCTION chatbox_happen_v1(
  v_kind text, v_mailbox text, v_chat bigint, v_conn text, v_delivery bigint, v_reason text, v_seq bigint, now bigint
) RETURNS void LANGUAGE plpgsql AS $$
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

-- Who is not pushed any more is handed nothing.
CREATE FUNCTION chatbox_end_push_v1(v_owner text, now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM lanes WHERE kind = 'push' AND owner = v_owner ORDER BY key FOR UPDATE;
  UPDATE outbox SET state = 'superseded', since = now WHERE owner = v_owner AND state IN ('queued', 'custody');
  UPDATE lanes SET fence = fence + CASE state WHEN 'busy' THEN 1 ELSE 0 END, state = 'asleep', holder = NULL,
    done = wanted, attempts = 0 WHERE kind = 'push' AND owner = v_owner;
END $$;

CREATE FUNCTION chatbox_standing_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_archive_v1(v_id text, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_put_record_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_remove_record_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_once_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM remembered WHERE until <= now;
  INSERT INTO remembered (key, asked, reply, until)
    VALUES (s ->> 'key', s ->> 'asked', s ->> 'reply', now + (s -> 'ttl')::bigint) ON CONFLICT DO NOTHING;
  RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "duplicate", "seq": null}' END;
END $$;

-- A sealed value in another key's place, where it is still the one that was read.
CREATE FUNCTION chatbox_reseal_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_subscribe_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_unsubscribe_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM readers WHERE id = s ->> 'id' AND kind = 'subscription' AND account = s ->> 'account';
  IF NOT FOUND THEN
    RETURN '{"outcome": "stale"}';
  END IF;
  PERFORM chatbox_end_push_v1(s ->> 'id', now);
  RETURN chatbox_changed_v1(1);
END $$;

CREATE FUNCTION chatbox_report_link_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Administrative steps that are all made or none is. What could not be made leaves the block by an error of our own, which
-- takes back what was made before it.
CREATE FUNCTION chatbox_together_v1(steps jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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
