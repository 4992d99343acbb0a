DELETE FROM steps;
DELETE FROM taken;
DELETE FROM emits;
INSERT INTO steps (i, kind, now, step, connection, rev, lane_kind, lane_owner, lane_key, fence)
SELECT
  key, coalesce(value ->> 'admin', value ->> 'step'), clock.now, value, value ->> 'connection', value ->> 'rev',
  value ->> '$.lane.kind', value ->> '$.lane.owner', value ->> '$.lane.key', value ->> 'fence'
FROM (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now) AS clock CROSS JOIN jsonb_each(?2)
ORDER BY key;
SELECT json_group_array(json(outcome) ORDER BY i) AS acted FROM steps;
