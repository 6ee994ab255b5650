"""Hostile pictures become pixels in a throw-away child process with limits."""
