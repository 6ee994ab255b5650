"""Keeps workers alive somewhere; on this machine for now."""
