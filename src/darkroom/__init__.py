"""Replicate's prediction API on machines you own.

A model author needs nothing but the `Runner` and `RunContext` protocols of `darkroom.ports`.
"""

__version__ = "0.1.0"
