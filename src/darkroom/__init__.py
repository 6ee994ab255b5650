"""Replicate's prediction API on machines you own.

A model author needs nothing but `Runner` and `RunContext` of `darkroom.ports.running`.
"""

__version__ = "0.1.0"
