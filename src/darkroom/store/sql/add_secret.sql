-- Keep a secret unless there is one under that name; returns nothing.
insert into secrets(name, value) values (:name, :value) on conflict (name) do nothing
