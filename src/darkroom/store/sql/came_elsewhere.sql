-- One row if the worker of a lease came to another server last, with server '' for this one.
select 1
  from remote_workers
 where name = :worker and incarnation >= :incarnation
   and server <> case when cast(:server as text) = '' then /*SERVER*/ else cast(:server as text) end
