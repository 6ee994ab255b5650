"""How log lines look: one line a fact, on standard error."""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Lines for people on a terminal, JSON elsewhere; foreign libraries from warnings up."""
    terminal = sys.stderr.isatty()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    # It warns of every form that makes no sense: any client could fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # It tells with a traceback, every few seconds, what our own line on the outage has told.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
