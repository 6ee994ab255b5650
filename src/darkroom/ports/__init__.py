"""The seams: what one room may expect of another. No vendor, no SQL and no HTTP in here."""
