-- Who reads a connection: a lane that is there, and wanted, for as long as the connection is active.

CREATE TEMP TRIGGER link AFTER INSERT ON main.connections BEGIN
  INSERT INTO lanes (kind, owner, key, wanted) VALUES ('link', NEW.id, 'link', 1);
END;

CREATE TEMP TRIGGER unlink AFTER UPDATE OF status ON main.connections WHEN NEW.status <> 'active' BEGIN
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0 WHERE kind = 'link' AND owner = NEW.id;
END;
