-- How many seconds the newest successful runs of each version took, on average.
select p.version, avg(a.run_seconds)
  from (select prediction_id, outcome, run_seconds
          from attempts
         order by prediction_id desc, attempt desc
         limit :most) a
  join predictions p on p.id = a.prediction_id
 where a.outcome = 'succeeded' and a.run_seconds is not null
 group by p.version
