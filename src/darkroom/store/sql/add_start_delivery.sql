-- Put the webhook of a start into the outbox unless it was there before; returns nothing.
insert into deliveries(prediction_id, n, kind, endpoint, created_at, next_at)
select :id, last.n + 1, 'start', :endpoint, /*NOW*/, /*NOW*/
  from (select coalesce(max(n), 0) as n from deliveries where prediction_id = :id) as last
 where not exists (select 1 from deliveries where prediction_id = :id and kind = 'start')
