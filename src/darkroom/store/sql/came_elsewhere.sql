-- One row if the worker of a lease came to another server last, with server '' for this one.
select 1
  from remote_workers w
  join predictions p on p.pool = w.pool
 where p.id = :id and w.name = :worker and w.incarnation >= :incarnation
   and w.server <> case when cast(:server as text) = '' then /*SERVER*/ else cast(:server as text) end
