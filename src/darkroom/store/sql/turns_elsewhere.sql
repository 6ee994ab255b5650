-- What other servers have accepted since an id, by version, priority and owner: the last fair key.
select version, priority, owner, max(fair_key)
  from (select version, priority, owner, fair_key
          from predictions
         where id > :since and server <> /*SERVER*/
         order by id desc
         limit :most) lately
 group by version, priority, owner
