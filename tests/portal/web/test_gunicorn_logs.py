"""gunicorn's records are written by the site's handler where logs are JSON, otherwise by its own."""

from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from portal.web.gunicorn_logs import Logger


@pytest.mark.parametrize("is_json", [True, False])
def test_who_writes_the_records(is_json: bool, settings: Any) -> None:
    settings.LOG_JSON = is_json
    logger = Logger(Config())
    assert logger.error_log.propagate is is_json
    assert bool(logger.error_log.handlers) is not is_json
    if is_json:
        assert (logger.access_log.propagate, logger.access_log.handlers) == (True, [])
