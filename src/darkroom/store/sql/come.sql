-- Note that a remote worker has come to this server; returns nothing.
insert into remote_workers(name, incarnation, server, came_at)
values (:worker, :incarnation, /*SERVER*/, /*NOW*/)
on conflict (name) do update
   set incarnation = excluded.incarnation, server = excluded.server, came_at = excluded.came_at
