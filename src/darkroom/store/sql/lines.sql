-- Versions that an owner's gated predictions wait for, however many wait for each.
with recursive line(version) as (
  select min(version)
    from predictions
   where owner = :owner and claimed = 0 and completed_at is null and gate > 0
  union all
  select (select min(p.version)
            from predictions p
           where p.owner = :owner and p.claimed = 0 and p.version > line.version
             and p.completed_at is null and p.gate > 0)
    from line
   where line.version is not null)
select version from line where version is not null
