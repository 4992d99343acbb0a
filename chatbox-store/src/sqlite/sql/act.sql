-- What all other steps do. Inserting a batch here does it; the triggers on `steps` are each kind's part.
CREATE TEMP VIEW acting AS SELECT '' AS batch;

CREATE TEMP TRIGGER act INSTEAD OF INSERT ON acting BEGIN
  DELETE FROM steps;
  DELETE FROM taken;
  DELETE FROM emits;
  INSERT INTO steps (i, kind, now, step, connection, rev, lane_kind, lane_owner, lane_key, fence)
  SELECT
    key, coalesce(value ->> 'admin', value ->> 'step'), clock.now, value, value ->> 'connection', value ->> 'rev',
    value ->> '$.lane.kind', value ->> '$.lane.owner', value ->> '$.lane.key', value ->> 'fence'
  FROM (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now) AS clock CROSS JOIN jsonb_each(NEW.batch)
  ORDER BY key;
END;

-- What became of them, in their order.
CREATE TEMP VIEW acted AS
SELECT json_group_array(json(outcome) ORDER BY i) AS outcomes FROM steps;

-- A batch whole. What was handed over goes first: a lane that rests by it can be taken by an arrival of the same batch.
CREATE TEMP VIEW batches AS SELECT '' AS handed, '' AS arrivals, '' AS acts;

CREATE TEMP TRIGGER do_all INSTEAD OF INSERT ON batches BEGIN
  INSERT INTO handing (batch) SELECT NEW.handed WHERE NEW.handed <> '[]';
  INSERT INTO arriving (batch) SELECT NEW.arrivals WHERE NEW.arrivals <> '[]';
  INSERT INTO acting (batch) SELECT NEW.acts WHERE NEW.acts <> '[]';
END;
