"""Structured logs: one JSON object per line in production, columns in a terminal.

Every line has timestamp, level and event. The request middleware adds request_id, client_ip and team; the log call adds
fields such as task_id and params. Standard-library loggers (Django, uvicorn, gunicorn, RQ) use the same processors.
Tracebacks do not include local variables, because these can contain passwords, keys and images.
"""

import logging
import logging.config
import sys
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

from common.masking import mask_secrets

SECRET_FIELDS = frozenset({"authorization", "password", "secret", "token", "api_key", "key", "cookie"})


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide values whose name marks them as secret, so that a mistake in one log call does not print a key."""
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "[hidden]"
    return event


def mask_line(_logger: WrappedLogger, _method: str, line: str) -> str:
    """Mask secrets in the finished line: Django's warnings and tracebacks contain paths too."""
    return mask_secrets(line)


def downgrade_disallowed_host(record: logging.LogRecord) -> bool:
    """Log a request for an unknown host as a warning without a traceback. Scanners send many of them."""
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    record.exc_info = record.exc_text = None
    return True


def configure_logging(*, json_lines: bool, level: str) -> None:
    """Send every log line of this process to standard error through the same processors."""
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
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *renderers,
                        mask_line,
                    ],
                }
            },
            # Standard error, because commands print results for scripts to standard output.
            "handlers": {
                "stream": {"class": "logging.StreamHandler", "formatter": "structured", "stream": "ext://sys.stderr"}
            },
            "filters": {"downgrade_disallowed_host": {"()": lambda: downgrade_disallowed_host}},
            "root": {"handlers": ["stream"], "level": level},
            "loggers": {
                # Our middleware logs one line per request with more fields.
                "uvicorn.access": {"level": "WARNING"},
                "gunicorn.access": {"level": "WARNING"},
                # Remove their own handlers, which use another format.
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
