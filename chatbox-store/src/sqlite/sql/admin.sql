-- Changes who and what exists. `ending` says which way a step goes: a number is how many things change, anything else
-- is an outcome. Each trigger finds its ending first and writes only if it is a number above zero.

CREATE TEMP TRIGGER admin_over AFTER UPDATE OF ending ON steps
WHEN NEW.kind NOT IN ('commit', 'settle', 'media', 'switch') BEGIN
  UPDATE steps SET outcome = CASE NEW.ending
    WHEN 'stale' THEN '{"outcome":"stale"}'
    WHEN 'taken' THEN '{"outcome":"duplicate","seq":null}'
    ELSE json_object('outcome', 'done', 'done', 'changed', 'count', CAST(NEW.ending AS INTEGER)) END
  WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER put_mailbox AFTER INSERT ON steps WHEN NEW.kind = 'put_mailbox' BEGIN
  INSERT INTO accounts (name) VALUES (NEW.step ->> 'account') ON CONFLICT DO NOTHING;
  UPDATE steps SET account = (SELECT id FROM accounts WHERE name = NEW.step ->> 'account') WHERE i = NEW.i;
  -- `found`: whether it existed and its messages wait in other lanes from now on.
  UPDATE steps SET
    ending = CASE
      WHEN EXISTS (SELECT 1 FROM readers AS r WHERE r.account = steps.account AND r.kind = 'mailbox'
        AND r.name = NEW.step ->> 'name' AND r.id <> NEW.step ->> 'id') THEN 'taken'
      WHEN EXISTS (SELECT 1 FROM readers AS r WHERE r.id = NEW.step ->> 'id'
        AND (r.status = 'archived' OR r.account <> steps.account)) THEN 'stale'
      WHEN EXISTS (SELECT 1 FROM readers AS r WHERE r.id = NEW.step ->> 'id' AND r.account = steps.account
        AND r.name = NEW.step ->> 'name' AND r.door = NEW.step ->> 'door' AND r.scope = NEW.step ->> 'scope') THEN '0'
      ELSE '1' END,
    left_over = (SELECT door <> NEW.step ->> 'door' OR scope <> NEW.step ->> 'scope'
      FROM readers WHERE id = NEW.step ->> 'id')
  WHERE i = NEW.i;
  INSERT INTO readers (id, account, kind, name, door, scope, at)
  SELECT NEW.step ->> 'id', account, 'mailbox', NEW.step ->> 'name', NEW.step ->> 'door', NEW.step ->> 'scope', NEW.now
  FROM steps WHERE i = NEW.i AND ending = '1'
  ON CONFLICT (id) DO UPDATE SET
    account = excluded.account, name = excluded.name, door = excluded.door, scope = excluded.scope;
  UPDATE steps SET found = 1 WHERE i = NEW.i AND ending = '1' AND left_over;
END;

-- Its messages wait in other lanes from now on. Whoever holds one of the old ones has lost it.
CREATE TEMP TRIGGER relane AFTER UPDATE OF found ON steps WHEN NEW.kind = 'put_mailbox' BEGIN
  UPDATE turns SET state = 'lost' FROM lanes AS l
  WHERE l.kind = 'turn' AND l.owner = NEW.step ->> 'id'
    AND turns.owner = l.owner AND turns.key = l.key AND turns.fence = l.fence AND turns.state = 'claimed';
  UPDATE lanes SET fence = fence + (state = 'busy'), state = 'asleep', holder = NULL, done = wanted, attempts = 0
  WHERE kind = 'turn' AND owner = NEW.step ->> 'id';
  -- If it is not pushed any more, it is handed nothing.
  INSERT INTO farewells (now, owner)
  SELECT NEW.now, NEW.step ->> 'id' WHERE NEW.step ->> 'door' <> 'push';
  INSERT INTO lanes (kind, owner, key, wanted, done, due)
  SELECT 'turn', m.reader, CASE NEW.step ->> 'scope'
      WHEN 'mailbox' THEN 'mailbox'
      WHEN 'session' THEN 'session/' || c.session
      ELSE 'chat/' || c.id END, max(c.head), min(c.head) - 1, NEW.now
  FROM members AS m JOIN chats AS c ON c.id = m.chat
  WHERE m.reader = NEW.step ->> 'id' AND m.waking > m.handed AND NEW.step ->> 'door' = 'run'
  GROUP BY 3
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = max(wanted, excluded.wanted), done = min(done, excluded.done);
END;

CREATE TEMP TRIGGER add_connection AFTER INSERT ON steps WHEN NEW.kind = 'add_connection' BEGIN
  UPDATE steps SET ending = CASE
    WHEN NOT EXISTS (
      SELECT 1 FROM readers WHERE id = NEW.step ->> 'mailbox' AND kind = 'mailbox' AND status <> 'archived') THEN 'stale'
    WHEN EXISTS (SELECT 1 FROM connections WHERE id = NEW.step ->> 'id') THEN 'taken'
    WHEN EXISTS (SELECT 1 FROM connections WHERE status = 'active'
      AND reader = NEW.step ->> 'mailbox' AND platform = NEW.step ->> 'platform') THEN 'taken'
    WHEN EXISTS (SELECT 1 FROM connections WHERE status = 'active'
      AND platform = NEW.step ->> 'platform' AND ident = NEW.step ->> 'ident') THEN 'taken'
    ELSE '1' END
  WHERE i = NEW.i;
  INSERT INTO connections (id, account, reader, platform, ident, policy_rev, settings, policy, secret, at)
  SELECT NEW.step ->> 'id', r.account, r.id, NEW.step ->> 'platform', NEW.step ->> 'ident', 1, NEW.step ->> 'settings',
         NEW.step -> 'policy', nullif(NEW.step -> 'secret', 'null'), NEW.now
  FROM steps AS s JOIN readers AS r ON r.id = NEW.step ->> 'mailbox' WHERE s.i = NEW.i AND s.ending = '1';
END;

CREATE TEMP TRIGGER renew_connection AFTER INSERT ON steps WHEN NEW.kind = 'renew_connection' BEGIN
  UPDATE steps SET ending = CASE
    WHEN NOT EXISTS (SELECT 1 FROM connections WHERE id = NEW.step ->> 'id' AND status = 'active') THEN 'stale'
    WHEN EXISTS (
      SELECT 1 FROM connections AS c JOIN connections AS mine ON mine.id = NEW.step ->> 'id'
      WHERE c.status = 'active' AND c.platform = mine.platform AND c.ident = NEW.step ->> 'ident'
        AND c.id <> mine.id) THEN 'taken'
    ELSE '1' END
  WHERE i = NEW.i;
  UPDATE connections SET
    ident = NEW.step ->> 'ident', settings = NEW.step ->> 'settings', secret = nullif(NEW.step -> 'secret', 'null')
  WHERE id = NEW.step ->> 'id' AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
END;

CREATE TEMP TRIGGER remove_connection AFTER INSERT ON steps WHEN NEW.kind = 'remove_connection' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM connections WHERE id = NEW.connection AND status = 'active'), '1', 'stale')
  WHERE i = NEW.i;
  INSERT INTO removals (now, connection)
  SELECT NEW.now, NEW.connection FROM steps WHERE i = NEW.i AND ending = '1';
END;

CREATE TEMP TRIGGER set_policy AFTER INSERT ON steps WHEN NEW.kind = 'set_policy' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM connections WHERE id = NEW.connection AND status = 'active' AND policy_rev = NEW.rev),
    '1', 'stale')
  WHERE i = NEW.i;
  UPDATE connections SET policy = NEW.step -> 'policy', policy_rev = policy_rev + 1
  WHERE id = NEW.connection AND status = 'active' AND policy_rev = NEW.rev;
END;

CREATE TEMP TRIGGER move_chat AFTER INSERT ON steps WHEN NEW.kind = 'move_chat' BEGIN
  UPDATE steps SET ending = CASE
    WHEN NOT EXISTS (SELECT 1 FROM connections WHERE id = NEW.connection AND status = 'active') THEN 'stale'
    WHEN NOT EXISTS (SELECT 1 FROM chats WHERE connection = NEW.connection AND handle = NEW.step ->> 'from') THEN '0'
    WHEN EXISTS (SELECT 1 FROM chats WHERE connection = NEW.connection AND handle = NEW.step ->> 'to') THEN 'taken'
    ELSE '1' END
  WHERE i = NEW.i;
  UPDATE chats SET handle = NEW.step ->> 'to'
  WHERE connection = NEW.connection AND handle = NEW.step ->> 'from'
    AND EXISTS (SELECT 1 FROM steps WHERE i = NEW.i AND ending = '1');
END;

CREATE TEMP TRIGGER retry_delivery AFTER INSERT ON steps WHEN NEW.kind = 'retry_delivery' BEGIN
  UPDATE steps SET found = (
    SELECT o.id FROM outbox AS o
    WHERE o.id = NEW.step ->> 'delivery' AND o.state IN ('failed', 'unknown', 'expired') AND (
      EXISTS (SELECT 1 FROM connections WHERE id = o.owner AND status = 'active')
        OR EXISTS (SELECT 1 FROM readers WHERE id = o.owner AND door = 'push' AND status <> 'archived')))
  WHERE i = NEW.i;
  UPDATE steps SET ending = iif(found IS NULL, 'stale', '1') WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER retry_found AFTER UPDATE OF found ON steps
WHEN NEW.kind = 'retry_delivery' AND NEW.found IS NOT NULL BEGIN
  UPDATE outbox SET
    state = 'queued', receipt = NULL, message = NULL, reason = NULL, attempts = 0,
    since = NEW.now, expires = NEW.now + (NEW.step ->> 'ttl_ms')
  WHERE id = NEW.found;
  -- The lane has been past it: back to before it.
  INSERT INTO lanes (kind, owner, key, wanted, done, due)
  SELECT iif(verb LIKE '{"focal":%' OR verb LIKE '{"event":%', 'push', 'out'), owner, key, id, id - 1, NEW.now
  FROM outbox WHERE id = NEW.found
  ON CONFLICT (kind, owner, key) DO UPDATE SET
    due = iif(wanted > done, max(due, excluded.due), excluded.due),
    wanted = max(wanted, excluded.wanted), done = min(done, excluded.done);
END;

CREATE TEMP TRIGGER purge_deliveries AFTER INSERT ON steps WHEN NEW.kind = 'purge_deliveries' BEGIN
  UPDATE steps SET ending = (
    SELECT CAST(count(*) AS TEXT) FROM outbox
    WHERE state IN ('failed', 'unknown', 'expired') AND at < NEW.step ->> 'before'
      AND id = coalesce(NEW.step ->> 'delivery', id) AND (NEW.step ->> 'account' IS NULL OR owner IN (
        SELECT id FROM owners WHERE account = NEW.step ->> 'account')))
  WHERE i = NEW.i;
  DELETE FROM outbox
  WHERE state IN ('failed', 'unknown', 'expired') AND at < NEW.step ->> 'before'
    AND id = coalesce(NEW.step ->> 'delivery', id) AND (NEW.step ->> 'account' IS NULL OR owner IN (
      SELECT id FROM owners WHERE account = NEW.step ->> 'account'));
END;

CREATE TEMP TRIGGER put_token AFTER INSERT ON steps WHEN NEW.kind = 'put_token' BEGIN
  INSERT INTO accounts (name) VALUES (NEW.step ->> 'account') ON CONFLICT DO NOTHING;
  INSERT INTO tokens (prefix, account, hash, principal, scopes, until)
  SELECT NEW.step ->> 'prefix', id, NEW.step ->> 'hash', NEW.step ->> 'principal', NEW.step -> 'scopes',
         NEW.step ->> 'until'
  FROM accounts WHERE name = NEW.step ->> 'account'
  ON CONFLICT (prefix) DO UPDATE SET
    account = excluded.account, hash = excluded.hash, principal = excluded.principal, scopes = excluded.scopes, until = excluded.until;
  UPDATE steps SET ending = '1' WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER remove_token AFTER INSERT ON steps WHEN NEW.kind = 'remove_token' BEGIN
  UPDATE steps SET ending = (SELECT CAST(count(*) AS TEXT) FROM tokens WHERE prefix = NEW.step ->> 'prefix')
  WHERE i = NEW.i;
  DELETE FROM tokens WHERE prefix = NEW.step ->> 'prefix';
END;

CREATE TEMP TRIGGER put_state AFTER INSERT ON steps WHEN NEW.kind = 'put_state' BEGIN
  UPDATE steps SET ending = iif(
    EXISTS (SELECT 1 FROM connections WHERE id = NEW.connection AND status = 'active')
      AND NEW.rev = coalesce((
        SELECT rev FROM state WHERE connection = NEW.connection AND key = NEW.step ->> 'key'), 0),
    '1', 'stale')
  WHERE i = NEW.i;
  INSERT INTO state (connection, key, rev, box)
  SELECT NEW.connection, NEW.step ->> 'key', NEW.rev + 1, NEW.step -> 'value' FROM steps WHERE i = NEW.i AND ending = '1'
  ON CONFLICT (connection, key) DO UPDATE SET rev = excluded.rev, box = excluded.box;
END;

CREATE TEMP TRIGGER end_leases AFTER INSERT ON steps WHEN NEW.kind = 'end_leases' BEGIN
  UPDATE steps SET ending = (SELECT CAST(count(*) AS TEXT) FROM lanes WHERE state = 'busy') WHERE i = NEW.i;
  UPDATE lanes SET until = 0 WHERE state = 'busy';
END;
