"""The command line: words to calls. It speaks to a server over HTTP, as any client does."""

from darkroom.cli.app import main

__all__ = ["main"]
