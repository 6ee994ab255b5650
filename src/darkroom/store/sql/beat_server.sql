-- Tell that this server lives, and how far its fair queueing has come; returns nothing.
insert into servers(id, beat, fair_clocks) values (/*SERVER*/, 1, :fair_clocks)
on conflict (id) do update
   set beat = servers.beat + 1, fair_clocks = excluded.fair_clocks
