-- Who reads a connection: a lane that is there, and wanted, for as long as the connection is active.

CREATE FUNCTION chatbox_link_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lanes (kind, owner, key, wanted, done, state, fence, until, due, attempts)
    VALUES ('link', NEW.id, 'link', 1, 0, 'asleep', 0, 0, 0, 0);
  RETURN NULL;
END $$;
CREATE TRIGGER link AFTER INSERT ON connections FOR EACH ROW EXECUTE FUNCTION chatbox_link_v1();

CREATE FUNCTION chatbox_unlink_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET state = 'asleep', holder = NULL, done = wanted, attempts = 0
    WHERE kind = 'link' AND owner = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER unlink AFTER UPDATE OF status ON connections FOR EACH ROW
  WHEN (NEW.status <> 'active') EXECUTE FUNCTION chatbox_unlink_v1();
