-- Remote workers that have come to another server within the last :within_ms.
select name, incarnation
  from remote_workers
 where server <> /*SERVER*/ and came_at > /*NOW*/ - :within_ms
