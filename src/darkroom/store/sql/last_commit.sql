-- The number of this server's last committed transaction, once none of its transactions is open any more.
insert into commits(server, number) values (/*SERVER*/, 0)
on conflict (server) do update set number = commits.number
returning number
