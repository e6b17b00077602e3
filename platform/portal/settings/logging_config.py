"""Structured logs: one JSON object a line in production, columns for a person's eye in a terminal.

Every line carries timestamp, level and event; request_id, client_ip and team come from the context that the request
middleware binds, task_id and params from the call. Standard-library loggers (Django, uvicorn, gunicorn, RQ) go through
the same processors. Tracebacks show no local variables: those hold passwords, keys and pictures.
"""

import logging
import logging.config
import sys
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

SECRET_FIELDS = frozenset({"authorization", "password", "secret", "token", "api_key", "key", "cookie"})


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blanks values whose name says that they are a secret: a slip in one call must not print a key."""
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "[hidden]"
    return event


def downgrade_disallowed_host(record: logging.LogRecord) -> bool:
    """A scanner that names another host is no error of ours: one warning line, no traceback."""
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    record.exc_info = record.exc_text = None
    return True


def configure_logging(*, json_lines: bool, level: str) -> None:
    """Sends every log line of this process to standard error through one chain of processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        redact_secrets,
    ]
    renderers: list[Any] = (
        [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
        if json_lines
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                pad_event_to=28,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
                }
            },
            # Standard error: what commands print for scripts has standard output to itself.
            "handlers": {
                "stream": {"class": "logging.StreamHandler", "formatter": "structured", "stream": "ext://sys.stderr"}
            },
            "filters": {"downgrade_disallowed_host": {"()": lambda: downgrade_disallowed_host}},
            "root": {"handlers": ["stream"], "level": level},
            "loggers": {
                # Our own middleware writes one line a request, with more in it.
                "uvicorn.access": {"level": "WARNING"},
                "gunicorn.access": {"level": "WARNING"},
                # Both bring handlers of their own, whose lines would not be ours.
                "uvicorn": {"handlers": [], "propagate": True, "level": "WARNING"},
                "gunicorn.error": {"handlers": [], "propagate": True},
                "django.security.DisallowedHost": {"filters": ["downgrade_disallowed_host"]},
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "WARNING"},
                "rq.worker": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
