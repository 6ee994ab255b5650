"""Durable state. SQL lives nowhere else."""
