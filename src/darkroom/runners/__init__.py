"""Kinds of model. Everything here runs in the host process."""
