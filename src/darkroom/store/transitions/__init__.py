"""Every change of state, as recipes of statements that either database can follow.

A transition is a generator: it yields the name of a statement with its parameters, is sent
the rows that came back, and returns its result. It never commits: whoever drives it puts it
into one transaction. The numbers T1 to T9 are those of docs/state-machine.md.
"""
