-- What people set up and the engine only keeps, who did what, and changes that go together. As in the other administrative
-- steps each trigger finds its ending first and writes only if it is a number above zero.

CREATE TEMP TRIGGER put_record AFTER INSERT ON steps WHEN NEW.kind = 'put_record' BEGIN
  INSERT INTO accounts (name) VALUES (NEW.step ->> 'account') ON CONFLICT DO NOTHING;
  UPDATE steps SET account = (SELECT id FROM accounts WHERE name = NEW.step ->> 'account') WHERE i = NEW.i;
  UPDATE steps SET ending = CASE
    WHEN EXISTS (SELECT 1 FROM records AS r WHERE r.kind = NEW.step ->> 'kind' AND r.id = NEW.step ->> 'id'
      AND r.account <> steps.account) THEN 'stale'
    WHEN NEW.rev <> coalesce((
      SELECT r.rev FROM records AS r WHERE r.kind = NEW.step ->> 'kind' AND r.id = NEW.step ->> 'id'), 0) THEN 'stale'
    WHEN EXISTS (SELECT 1 FROM jsonb_each(NEW.step, '$.uses') AS u WHERE NOT EXISTS (
      SELECT 1 FROM records AS r WHERE r.kind = 'credential' AND r.id = u.value AND r.account = steps.account)) THEN 'stale'
    WHEN EXISTS (SELECT 1 FROM records AS r WHERE r.account = steps.account AND r.kind = NEW.step ->> 'kind'
      AND r.name = NEW.step ->> 'name' AND r.id <> NEW.step ->> 'id') THEN 'taken'
    ELSE '1' END
  WHERE i = NEW.i;
  INSERT INTO records (kind, id, account, name, rev, uses, at, body)
  SELECT NEW.step ->> 'kind', NEW.step ->> 'id', account, NEW.step ->> 'name', 1, NEW.step -> 'uses', NEW.now,
         NEW.step ->> 'body'
  FROM steps WHERE i = NEW.i AND ending = '1'
  ON CONFLICT (kind, id) DO UPDATE SET
    name = excluded.name, rev = rev + 1, uses = excluded.uses, body = excluded.body;
END;

CREATE TEMP TRIGGER remove_record AFTER INSERT ON steps WHEN NEW.kind = 'remove_record' BEGIN
  UPDATE steps SET ending = CASE
    WHEN NOT EXISTS (SELECT 1 FROM records AS r JOIN accounts AS a ON a.id = r.account
      WHERE r.kind = NEW.step ->> 'kind' AND r.id = NEW.step ->> 'id' AND a.name = NEW.step ->> 'account') THEN 'stale'
    WHEN NEW.step ->> 'kind' = 'credential' AND EXISTS (
      SELECT 1 FROM records AS r, json_each(r.uses) AS u WHERE u.value = NEW.step ->> 'id') THEN 'taken'
    ELSE '1' END
  WHERE i = NEW.i;
  DELETE FROM records
  WHERE kind = NEW.step ->> 'kind' AND id = NEW.step ->> 'id' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
END;

CREATE TEMP TRIGGER once AFTER INSERT ON steps WHEN NEW.kind = 'once' BEGIN
  DELETE FROM remembered WHERE until <= NEW.now;
  UPDATE steps SET ending = iif(EXISTS (SELECT 1 FROM remembered WHERE key = NEW.step ->> 'key'), 'taken', '1')
  WHERE i = NEW.i;
  INSERT INTO remembered (key, asked, reply, until)
  SELECT NEW.step ->> 'key', NEW.step ->> 'asked', NEW.step ->> 'reply', NEW.now + (NEW.step ->> 'ttl_ms')
  FROM steps WHERE i = NEW.i AND ending = '1';
END;

-- A sealed value in another key's place, where it is still the one that was read.
CREATE TEMP TRIGGER reseal AFTER INSERT ON steps WHEN NEW.kind = 'reseal' BEGIN
  UPDATE steps SET ending = iif(CASE NEW.step ->> '$.place.of'
    WHEN 'connection' THEN EXISTS (
      SELECT 1 FROM connections WHERE id = NEW.step ->> '$.place.id' AND secret = NEW.step ->> 'was')
    WHEN 'credential' THEN EXISTS (
      SELECT 1 FROM records WHERE kind = 'credential' AND id = NEW.step ->> '$.place.id' AND body = NEW.step ->> 'was')
    WHEN 'state' THEN EXISTS (
      SELECT 1 FROM state WHERE connection = NEW.step ->> '$.place.id' AND key = NEW.step ->> '$.place.key'
        AND box = NEW.step ->> 'was')
    WHEN 'reply' THEN EXISTS (
      SELECT 1 FROM remembered WHERE key = NEW.step ->> '$.place.id' AND reply = NEW.step ->> 'was')
    END, '1', 'stale')
  WHERE i = NEW.i;
  UPDATE connections SET secret = NEW.step ->> 'becomes'
  WHERE NEW.step ->> '$.place.of' = 'connection' AND id = NEW.step ->> '$.place.id' AND secret = NEW.step ->> 'was';
  UPDATE records SET body = NEW.step ->> 'becomes'
  WHERE NEW.step ->> '$.place.of' = 'credential' AND kind = 'credential' AND id = NEW.step ->> '$.place.id'
    AND body = NEW.step ->> 'was';
  UPDATE state SET box = NEW.step ->> 'becomes'
  WHERE NEW.step ->> '$.place.of' = 'state' AND connection = NEW.step ->> '$.place.id'
    AND key = NEW.step ->> '$.place.key' AND box = NEW.step ->> 'was';
  UPDATE remembered SET reply = NEW.step ->> 'becomes'
  WHERE NEW.step ->> '$.place.of' = 'reply' AND key = NEW.step ->> '$.place.id' AND reply = NEW.step ->> 'was';
END;

CREATE TEMP TRIGGER note AFTER INSERT ON steps WHEN NEW.kind = 'note' BEGIN
  INSERT INTO accounts (name) VALUES (NEW.step ->> 'account') ON CONFLICT DO NOTHING;
  INSERT INTO notes (account, at, by, action, target)
  SELECT id, NEW.now, NEW.step ->> 'by', NEW.step ->> 'action', NEW.step ->> 'target'
  FROM accounts WHERE name = NEW.step ->> 'account';
  UPDATE steps SET ending = '1' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER subscribe AFTER INSERT ON steps WHEN NEW.kind = 'subscribe' BEGIN
  INSERT INTO accounts (name) VALUES (NEW.step ->> 'account') ON CONFLICT DO NOTHING;
  UPDATE steps SET account = (SELECT id FROM accounts WHERE name = NEW.step ->> 'account') WHERE i = NEW.i;
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM readers AS r WHERE r.id = NEW.step ->> 'id'
      AND (r.kind <> 'subscription' OR r.account <> steps.account)), 'stale', '1')
  WHERE i = NEW.i;
  INSERT INTO readers (id, account, kind, name, door, events, at)
  SELECT NEW.step ->> 'id', account, 'subscription', NEW.step ->> 'id', 'push', NEW.step -> 'events', NEW.now
  FROM steps WHERE i = NEW.i AND ending = '1'
  ON CONFLICT (id) DO UPDATE SET events = excluded.events;
END;

CREATE TEMP TRIGGER unsubscribe AFTER INSERT ON steps WHEN NEW.kind = 'unsubscribe' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM readers AS r JOIN accounts AS a ON a.id = r.account
      WHERE r.id = NEW.step ->> 'id' AND r.kind = 'subscription' AND a.name = NEW.step ->> 'account'), '1', 'stale')
  WHERE i = NEW.i;
  INSERT INTO farewells (now, owner) SELECT NEW.now, NEW.step ->> 'id' FROM steps WHERE i = NEW.i AND ending = '1';
  DELETE FROM readers
  WHERE id = NEW.step ->> 'id' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
END;

CREATE TEMP TRIGGER archive_mailbox AFTER INSERT ON steps WHEN NEW.kind = 'archive_mailbox' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM readers WHERE id = NEW.step ->> 'mailbox' AND kind = 'mailbox' AND status <> 'archived'),
    '1', 'stale')
  WHERE i = NEW.i;
  UPDATE readers SET status = 'archived', name = id
  WHERE id = NEW.step ->> 'mailbox' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
  INSERT INTO removals (now, connection)
  SELECT NEW.now, c.id FROM connections AS c JOIN steps AS s ON s.i = NEW.i AND s.ending = '1'
  WHERE c.reader = NEW.step ->> 'mailbox' AND c.status = 'active';
  UPDATE turns SET state = 'lost' FROM lanes AS l JOIN steps AS s ON s.i = NEW.i AND s.ending = '1'
  WHERE l.kind = 'turn' AND l.owner = NEW.step ->> 'mailbox'
    AND turns.owner = l.owner AND turns.key = l.key AND turns.fence = l.fence AND turns.state = 'claimed';
  UPDATE lanes SET fence = fence + (state = 'busy'), state = 'asleep', holder = NULL, done = wanted, attempts = 0
  WHERE kind = 'turn' AND owner = NEW.step ->> 'mailbox' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
  INSERT INTO farewells (now, owner) SELECT NEW.now, NEW.step ->> 'mailbox' FROM steps WHERE i = NEW.i AND ending = '1';
END;

CREATE TEMP TRIGGER report_link AFTER INSERT ON steps WHEN NEW.kind = 'report_link' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM connections WHERE id = NEW.connection AND status = 'active'), '1', 'stale')
  WHERE i = NEW.i;
  INSERT INTO happenings (now, kind, mailbox, connection, reason)
  SELECT NEW.now, iif(NEW.step ->> 'up', 'connection_up', 'connection_down'), reader, id, NEW.step ->> 'reason'
  FROM connections WHERE id = NEW.connection AND status = 'active';
END;

-- One of several changes that go together could not be made: none is. The whole statement ends here; whoever asked for
-- them is told by the words.
CREATE TEMP TRIGGER together AFTER UPDATE OF outcome ON steps
WHEN NEW.step ->> 'together' IS NOT NULL AND NEW.outcome ->> 'outcome' <> 'done' BEGIN
  SELECT RAISE(ABORT, 'together:' || NEW.outcome);
END;
