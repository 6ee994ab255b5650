-- Let the next of an owner's line for a version forward, unless an equal one stands there; returns nothing.
update predictions
   set gate = 1
 where id = (select behind.id
               from (select id, priority
                       from predictions
                      where owner = :owner and claimed = 0 and version = :version
                        and completed_at is null and gate > 0 and gate = 2
                      order by priority desc, fair_key, id
                      limit 1) behind
              where not exists (select 1
                                  from predictions p
                                 where p.owner = :owner and p.claimed = 0 and p.version = :version
                                   and p.completed_at is null and p.gate > 0 and p.gate = 1
                                   and p.priority >= behind.priority))
