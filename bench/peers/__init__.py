"""The null model as the peers want it; each file runs in that peer's own environment."""
