"""Compiled input validators, and their faults in the words of the wire."""
