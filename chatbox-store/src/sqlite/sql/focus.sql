-- Where mailboxes look, and what they want to hear of.

CREATE TEMP TRIGGER switch AFTER INSERT ON steps WHEN NEW.kind = 'switch' BEGIN
  UPDATE steps SET ending = (
    SELECT CASE
      WHEN NEW.step ->> 'to' IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM chats WHERE id = NEW.step ->> 'to' AND reader = r.id) THEN 'stale'
      WHEN r.focal IS NEW.step ->> 'to' THEN 'same'
      ELSE 'moved' END
    FROM readers AS r WHERE r.id = NEW.step ->> 'mailbox' AND r.kind = 'mailbox')
  WHERE i = NEW.i;
  UPDATE readers SET
    focal = NEW.step ->> 'to', focus_rev = focus_rev + 1,
    recap_from = (SELECT seen FROM members WHERE chat = NEW.step ->> 'to' AND reader = readers.id),
    recap_to = (SELECT head FROM chats WHERE id = NEW.step ->> 'to')
  WHERE id = NEW.step ->> 'mailbox' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = 'moved');
  UPDATE members SET seen = max(seen, (SELECT head FROM chats WHERE id = members.chat))
  WHERE chat = NEW.step ->> 'to' AND reader = NEW.step ->> 'mailbox'
    AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = 'moved');
  -- What was said in a chat that the mailbox now reads itself need not be announced any more.
  UPDATE outbox SET state = 'superseded', since = NEW.now
  WHERE owner = NEW.step ->> 'mailbox' AND key = 'chat/' || (NEW.step ->> 'to') AND state = 'queued'
    AND verb = '{"focal":false}' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = 'moved');
  INSERT INTO happenings (now, kind, mailbox, chat)
  SELECT NEW.now, 'focus_changed', NEW.step ->> 'mailbox', NEW.step ->> 'to' FROM steps WHERE i = NEW.i AND ending = 'moved';
  UPDATE steps SET outcome = coalesce((
    SELECT json_object('outcome', 'done', 'done', 'switched', 'moved', json(iif(steps.ending = 'moved', 'true', 'false')),
      'focus', json_object('chat', r.focal, 'revision', r.focus_rev, 'recap',
        iif(r.recap_to IS NULL, NULL, json_object('after', r.recap_from, 'upto', r.recap_to))))
    FROM readers AS r WHERE r.id = NEW.step ->> 'mailbox' AND steps.ending IN ('same', 'moved')), '{"outcome":"stale"}')
  WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER mute AFTER INSERT ON steps WHEN NEW.kind = 'mute' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM chats WHERE id = NEW.step ->> 'chat' AND reader = NEW.step ->> 'mailbox'), '1', 'stale')
  WHERE i = NEW.i;
  UPDATE members SET muted = NEW.step ->> 'muted'
  WHERE chat = NEW.step ->> 'chat' AND reader = NEW.step ->> 'mailbox'
    AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
END;

CREATE TEMP TRIGGER set_standing AFTER INSERT ON steps WHEN NEW.kind = 'set_standing' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM readers WHERE id = NEW.step ->> 'mailbox' AND status <> 'archived'), '1', 'stale')
  WHERE i = NEW.i;
  INSERT INTO happenings (now, kind, mailbox)
  SELECT NEW.now, iif(NEW.step ->> 'standing' = 'active', 'mailbox_unpaused', 'mailbox_paused'), id FROM readers
  WHERE id = NEW.step ->> 'mailbox' AND kind = 'mailbox' AND status NOT IN ('archived', NEW.step ->> 'standing');
  UPDATE readers SET status = NEW.step ->> 'standing', fails = 0
  WHERE id = NEW.step ->> 'mailbox' AND status <> 'archived';
END;

CREATE TEMP TRIGGER settle_focus AFTER INSERT ON steps WHEN NEW.kind = 'settle_focus' BEGIN
  UPDATE steps SET ending = (
    SELECT CAST(count(*) AS TEXT) FROM readers WHERE id = NEW.step ->> 'mailbox' AND recap_to IS NOT NULL)
  WHERE i = NEW.i;
  UPDATE readers SET recap_from = NULL, recap_to = NULL WHERE id = NEW.step ->> 'mailbox';
END;
