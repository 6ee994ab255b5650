"""The inside engine: takes attempts from the server, feeds inputs, drives hosts, keeps files."""
