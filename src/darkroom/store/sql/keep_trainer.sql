-- Keep what a trainer begins with, in its newest words; returns nothing.
insert into trainers(id, base) values (:id, :base)
on conflict (id) do update set base = excluded.base
