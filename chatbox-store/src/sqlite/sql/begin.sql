-- One batch, sent as one text and so one command to the connection's thread: begin, arrive, act, end. ?1 is the array of
-- arrivals, ?2 that of all other steps; a text leaves out the part that has nothing to do.
BEGIN IMMEDIATE;
