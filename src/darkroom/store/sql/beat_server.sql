-- Tell that this server lives; returns nothing.
insert into servers(id, beat) values (/*SERVER*/, 1)
on conflict (id) do update set beat = servers.beat + 1
