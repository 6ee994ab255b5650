"""Whatever leaves the machine: one door, with a list of addresses it never opens to."""
