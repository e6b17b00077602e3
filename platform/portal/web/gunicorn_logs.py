"""gunicorn's log lines in the format of the site: `gunicorn --logger-class portal.web.gunicorn_logs.Logger`."""

from typing import Any

from django.conf import settings
from gunicorn import glogging  # type: ignore[import-untyped]


class Logger(glogging.Logger):  # type: ignore[misc]
    """Passes gunicorn's records to the root logger, whose handler writes one JSON object per line."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # The arbiter never loads the application; reading a setting configures logging there too.
        if settings.LOG_JSON:
            for log in (self.error_log, self.access_log):
                log.handlers.clear()
                log.propagate = True
