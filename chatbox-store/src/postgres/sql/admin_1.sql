-- Changing who and what exists, and the one entrance to all steps.

CREATE FUNCTION chatbox_changed_v1(v_count bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('outcome', 'done', 'done', 'changed', 'count', v_count)
$$;

CREATE FUNCTION chatbox_put_mailbox_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Whoever holds a turn lane of this mailbox has lost it.
CREATE FUNCTION chatbox_end_turns_v1(v_id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM lanes WHERE kind = 'turn' AND owner = v_id ORDER BY key FOR UPDATE;
  UPDATE turns SET state = 'lost' FROM lanes l
    WHERE l.kind = 'turn' AND l.owner = v_id AND l.turn = turns.id AND turns.state = 'claimed';
  UPDATE lanes SET fence = fence + CASE state WHEN 'busy' THEN 1 ELSE 0 END, state = 'asleep', holder = NULL,
    done = wanted, attempts = 0 WHERE kind = 'turn' AND owner = v_id;
END $$;

-- A mailbox's messages wait in other lanes from now on. Whoever holds one of the old ones has lost it.
CREATE FUNCTION chatbox_relane_v1(v_id text, v_door text, v_scope text, now bigint) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_connection_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_renew_connection_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_remove_connection_v1(v_id text, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_move_chat_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_retry_v1(v_id bigint, v_ttl bigint, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_put_state_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_admin_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Commits steps in their order and answers each. `batch` is {"head": whether anything may be appended, "steps": […]};
-- neighbouring accepts and skips are one step that holds them all, and are answered together. Answers
-- {"at": now, "outcomes": […]}.
CREATE FUNCTION chatbox_commit_v1(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
