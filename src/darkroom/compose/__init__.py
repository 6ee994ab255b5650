"""Where implementations are named: settings in, running parts out."""
