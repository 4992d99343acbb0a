-- Taking and keeping lanes.

CREATE TEMP TRIGGER claim AFTER INSERT ON steps WHEN NEW.kind = 'claim' BEGIN
  -- Two partial indexes hold exactly the lanes that may be due: those that sleep with work, and those that are held.
  INSERT INTO taken (i, lane)
  SELECT NEW.i, lane FROM (
    SELECT rowid AS lane, due, owner, key FROM lanes
    WHERE kind = NEW.step ->> 'kind' AND state = 'asleep' AND wanted > done AND due <= NEW.now
    UNION ALL
    SELECT rowid, due, owner, key FROM lanes
    WHERE kind = NEW.step ->> 'kind' AND state = 'busy' AND until < NEW.now AND due <= NEW.now)
  WHERE owner = coalesce(NEW.step ->> 'owner', owner)
    AND owner NOT IN (SELECT value FROM jsonb_each(NEW.step, '$.except'))
    AND (NEW.step ->> 'kind' <> 'push' OR NOT EXISTS (SELECT 1 FROM readers WHERE id = owner AND status <> 'active'))
  ORDER BY due, owner, key
  LIMIT (NEW.step ->> 'limit');

  UPDATE lanes SET
    state = 'busy', fence = fence + 1, attempts = attempts + 1,
    holder = NEW.step ->> '$.offer.worker', until = NEW.now + (NEW.step ->> '$.offer.lease_ms')
  WHERE rowid IN (SELECT lane FROM taken WHERE i = NEW.i);

  UPDATE connections SET fence = l.fence FROM taken AS t JOIN lanes AS l ON l.rowid = t.lane
  WHERE t.i = NEW.i AND l.kind = 'link' AND connections.id = l.owner;

  -- A turn lane's claim is on record; a holder who never ended its turn has lost it.
  UPDATE turns SET state = 'lost' FROM taken AS t JOIN lanes AS l ON l.rowid = t.lane
  WHERE t.i = NEW.i AND l.kind = 'turn' AND turns.owner = l.owner AND turns.key = l.key
    AND turns.fence = l.fence - 1 AND turns.state = 'claimed';
  INSERT INTO turns (owner, key, fence, attempt, head, at)
  SELECT l.owner, l.key, l.fence, l.attempts, (SELECT coalesce(max(seq), 0) FROM log), NEW.now
  FROM taken AS t JOIN lanes AS l ON l.rowid = t.lane WHERE t.i = NEW.i AND l.kind = 'turn'
  ORDER BY t.n;

  UPDATE steps SET outcome = json_object('outcome', 'done', 'done', 'claimed', 'lanes', (
    SELECT json_group_array(json_object(
      'lane', json_object('kind', l.kind, 'owner', l.owner, 'key', l.key),
      'fence', l.fence, 'attempts', l.attempts) ORDER BY t.n)
    FROM taken AS t JOIN lanes AS l ON l.rowid = t.lane WHERE t.i = NEW.i))
  WHERE i = NEW.i;
END;

-- Steps that only the holder may take: `held` is the lane if it is held under the step's fence.
CREATE TEMP TRIGGER held AFTER INSERT ON steps WHEN NEW.kind IN ('renew', 'commit', 'settle') BEGIN
  UPDATE steps SET
    outcome = '{"outcome":"fenced"}',
    held = (
      SELECT rowid FROM lanes
      WHERE kind = NEW.lane_kind AND owner = NEW.lane_owner AND key = NEW.lane_key
        AND state = 'busy' AND fence = NEW.fence)
  WHERE i = NEW.i;
END;

CREATE TEMP TRIGGER renew AFTER UPDATE OF held ON steps WHEN NEW.kind = 'renew' AND NEW.held IS NOT NULL BEGIN
  UPDATE lanes SET until = NEW.now + (NEW.step ->> 'lease_ms') WHERE rowid = NEW.held;
  UPDATE steps SET outcome = '{"outcome":"done","done":"nothing"}' WHERE i = NEW.i;
END;
