-- Every endpoint that deliveries wait for: in how many milliseconds the first of them is due, and
-- the first that is not due yet. It leaps from endpoint to endpoint, however much waits at each.
with recursive places(endpoint) as (
  select min(endpoint) from deliveries where state = 'pending'
  union all
  select (select min(d.endpoint)
            from deliveries as d
           where d.state = 'pending' and d.endpoint > places.endpoint)
    from places
   where places.endpoint is not null)
select endpoint,
       (select min(d.next_at)
          from deliveries as d
         where d.state = 'pending' and d.endpoint = places.endpoint) - /*NOW*/,
       (select min(d.next_at)
          from deliveries as d
         where d.state = 'pending' and d.endpoint = places.endpoint
           and d.next_at > /*NOW*/) - /*NOW*/
  from places
 where endpoint is not null
