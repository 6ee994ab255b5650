-- Put the webhook of new output or log text into the outbox, half a second after the last such one,
-- unless one that has not been taken yet will carry it; returns nothing.
insert into deliveries(prediction_id, n, kind, endpoint, created_at, next_at)
select :id, last.n + 1, :kind, :endpoint, /*NOW*/,
       case when last.free_at > /*NOW*/ then last.free_at else /*NOW*/ end
  from (select coalesce(max(n), 0) as n,
               coalesce(max(case when kind not in ('output', 'logs') then 0
                                 when state = 'pending' and taken_at is null
                                 then next_at + :apart_ms
                                 else told_at + :apart_ms end), 0) as free_at
          from deliveries
         where prediction_id = :id) as last
 where not exists (select 1
                     from deliveries
                    where prediction_id = :id and kind = :kind
                      and state = 'pending' and taken_at is null)
