"""Structured logs: one JSON object a line in production, columns for a person's eye in a terminal.

Every line carries timestamp, level and event; request_id, client_ip and team come from the context that the request
middleware binds, task_id and params from the call. Standard-library loggers (Django, uvicorn, RQ) go through the same
processors.
"""

import logging.config
import sys
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

SECRET_FIELDS = frozenset({"authorization", "password", "secret", "token", "api_key", "key", "cookie"})


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blanks values whose name says that they are a secret: a slip in one call must not print a key."""
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "[hidden]"
    return event


def structlog_configuration(*, json_lines: bool, level: str) -> None:
    """Sends every log line of this process to standard error through one chain of processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        hide_secrets,
    ]
    renderers: list[Any] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=28)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
            "root": {"handlers": ["stream"], "level": level},
            "loggers": {
                # Our own middleware writes one line a request, with more in it.
                "uvicorn.access": {"level": "WARNING"},
                "gunicorn.access": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "WARNING"},
                "rq.worker": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
