-- Owners that have a running limit and something that waits, however much it is.
with recursive line(owner) as (
  select min(owner)
    from predictions
   where claimed = 0 and completed_at is null and gate > 0
  union all
  select (select min(p.owner)
            from predictions p
           where p.owner > line.owner and p.claimed = 0 and p.completed_at is null and p.gate > 0)
    from line
   where line.owner is not null)
select owner from line where owner is not null
