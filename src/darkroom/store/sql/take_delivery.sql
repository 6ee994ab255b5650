-- Take the delivery to an endpoint that has been due longest and waits for no other one of its
-- prediction; returns it. One that was taken before and never settled is given up, unless it tells
-- the end.
update deliveries
   set tries = tries + 1,
       server = /*SERVER*/,
       first_at = coalesce(first_at, /*NOW*/),
       state = case when taken_at is not null and kind <> 'completed' then 'dead' else state end,
       taken_at = case when taken_at is not null and kind <> 'completed' then null
                       else /*NOW*/ end,
       next_at = /*NOW*/ + :lease_ms
 where (prediction_id, n) = (
   select d.prediction_id, d.n
     from deliveries as d
    where d.state = 'pending' and d.endpoint = :endpoint and d.next_at <= /*NOW*/
      and (d.taken_at is not null
           or not exists (select 1
                            from deliveries as e
                           where e.prediction_id = d.prediction_id and e.n <> d.n
                             and e.state = 'pending'
                             and (e.taken_at is not null or e.kind = 'start'
                                  or d.kind = 'completed')))
    order by d.next_at
    limit 1 /*LOCK*/)
returning prediction_id, n, kind, state, tries, first_at, taken_at
