"""Group `durability`: what is promised on one SQLite file and on PostgreSQL, and what it costs."""
