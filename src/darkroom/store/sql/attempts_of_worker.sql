-- Open attempts of a remote worker, in any of its lives and on any server; then their versions, and 1 if wanted.
select a.prediction_id, a.attempt, a.worker, a.incarnation, a.remote, a.server, p.version,
       case when p.claimed = 1 and p.attempt = a.attempt then 1 else 0 end
  from attempts a
  join predictions p on p.id = a.prediction_id
 where a.ended_at is null and a.remote = 1 and a.worker = :worker
 order by a.prediction_id
