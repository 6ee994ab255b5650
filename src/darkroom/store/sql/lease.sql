-- Open an attempt that has just been claimed; returns nothing.
insert into attempts(prediction_id, attempt, worker, incarnation, leased_at, remote, server)
values (:id, :attempt, :worker, :incarnation, /*NOW*/, :remote, /*SERVER*/)
