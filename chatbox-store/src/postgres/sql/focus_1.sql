-- Where mailboxes look, and what they want to hear of.

-- Moves a mailbox's focus. Whoever calls this holds the head: what comes in is before it or after it.
CREATE FUNCTION chatbox_switch_v1(s jsonb, now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chatbox_mute_v1(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  UPDATE members m SET muted = (s -> 'muted')::boolean FROM chats c
    WHERE c.id = (s -> 'chat')::bigint AND c.mailbox = s ->> 'mailbox' AND m.chat = c.id AND m.reader = c.mailbox;
  RETURN CASE WHEN FOUND THEN chatbox_changed_v1(1) ELSE '{"outcome": "stale"}' END;
END $$;
