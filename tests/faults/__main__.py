"""Writes docs/faults.md: `python -m tests.faults`."""

from tests.faults.page import PAGE, expected

if __name__ == "__main__":
    PAGE.write_text(expected(), "utf-8")
