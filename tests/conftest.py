"""Starts PostgreSQL and Valkey for the run, once, in the process that xdist's workers come from."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from accounts import tenancy
from portal.embedded.servers import EmbeddedServers

# How long an example takes, or the making of one, says what the machine does besides, and nothing of the product.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
pytest_plugins = ["tests.support.workers", "tests.support.web_processes"]

_servers: EmbeddedServers | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _servers  # noqa: PLW0603 (pytest has no better place between these two hooks)
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.option.collectonly or config.option.help:
        return
    _servers = EmbeddedServers(Path(os.environ["TEST_SERVERS_DIR"]), durable=False)
    _servers.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _servers:
        _servers.stop()
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop("TEST_SERVERS_DIR"), ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """A test that asks for a principal without a request stands behind no team's wall when its tables are emptied."""
    tenancy.deactivate()


@pytest.fixture(autouse=True)
def _no_announcements() -> None:
    """No announcements, and known for so long that no page asks for them in the midst of a count of its queries."""
    from portal.admin.announcements import announcement_cache

    announcement_cache.rows, announcement_cache.expires_at = (), float("inf")
