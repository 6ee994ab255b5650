"""Writes docs/conformance.md: `python -m tests.conformance`."""

from tests.conformance.page import PAGE, expected

if __name__ == "__main__":
    PAGE.write_text(expected(), "utf-8")
