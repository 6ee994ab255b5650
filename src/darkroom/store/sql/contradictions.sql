-- Rows that contradict one another: what is wrong, and with which prediction.
select 'is claimed, and no attempt is open', p.id
  from predictions p
 where p.claimed = 1
   and not exists (select 1
                     from attempts a
                    where a.prediction_id = p.id and a.attempt = p.attempt and a.ended_at is null)
union all
select 'waits, and an attempt is open', p.id
  from attempts a
  join predictions p on p.id = a.prediction_id
 where a.ended_at is null and p.completed_at is null and p.claimed = 0
union all
select 'has no input', p.id
  from predictions p
 where not exists (select 1 from inputs i where i.prediction_id = p.id)
 limit :most
