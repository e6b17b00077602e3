"""Starts PostgreSQL and Valkey for the run, once, in the process that starts the workers of xdist.

The people, helpers and processes that tests share are in `tests/support`.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connections
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from accounts import tenancy
from common.redis_client import redis_breaker, redis_client
from portal.admin.announcements import announcement_cache
from portal.embedded.servers import EmbeddedServers

# How long an example takes depends on the load of the machine.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")
pytest.register_assert_rewrite("tests.support")
pytest_plugins = [
    "tests.support.administrators",
    "tests.support.batches",
    "tests.support.browser",
    "tests.support.hub_server",
    "tests.support.identity_provider",
    "tests.support.offered_models",
    "tests.support.outages",
    "tests.support.people",
    "tests.support.portal_process",
    "tests.support.secrets_in_logs",
    "tests.support.studio",
    "tests.support.upstream_server",
    "tests.support.videos",
    "tests.support.web_processes",
    "tests.support.webhooks",
    "tests.support.workers",
]

# Fixtures that start processes. A test that starts one by itself has the mark `process`.
PROCESS_FIXTURES = {
    "hub_process",
    "live_process",
    "module_live_process",
    "module_web_processes",
    "new_portal",
    "own_redis",
    "own_valkey",
    "plain_portal",
    "portal",
    "secure_portal",
    "server",
    "start_upstream",
    "start_worker",
    "studio_server",
    "web_processes",
}

TRANSACTIONAL_FIXTURES = {"live_server", "transactional_db"}
_servers: EmbeddedServers | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _servers  # noqa: PLW0603 (pytest has no better place between these two hooks)
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.option.collectonly or config.option.help:
        return
    from tests.support.database import copy_cluster

    folder = Path(os.environ["TEST_SERVERS_DIR"])
    copy_cluster(folder)
    _servers = EmbeddedServers(folder, durable=False)
    _servers.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _servers:
        _servers.stop()
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop("TEST_SERVERS_DIR"), ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test one of the marks `unit`, `db`, `process` and `browser`, and some of them the mark `slow`."""
    for item in items:
        item.add_marker(kind_of(item))
        if is_slow(item):
            item.add_marker("slow")
    put_long_files_first(items)


def put_long_files_first(items: list[pytest.Item]) -> None:
    """Order the files by the slowest kind of their tests, so that no worker ends with a long file of its own."""
    order = ("browser", "process", "slow")
    ranks: dict[Path, int] = {}
    for item in items:
        marks = {marker.name for marker in item.iter_markers()}
        rank = next((rank for rank, mark in enumerate(order) if mark in marks), len(order))
        ranks[item.path] = min(rank, ranks.get(item.path, len(order)))
    items.sort(key=lambda item: ranks[item.path])


def kind_of(item: pytest.Item) -> str:
    fixtures = set(getattr(item, "fixturenames", ()))
    if "browser" in fixtures:
        return "browser"
    if fixtures & PROCESS_FIXTURES or item.get_closest_marker("process"):
        return "process"
    return "db" if uses_database(item) else "unit"


def is_slow(item: pytest.Item) -> bool:
    """Whether a test empties all tables at its end, or belongs to the slow ones."""
    from tests.support.slow_paths import SLOW_PATHS  # after the registration of its assertions

    marker = item.get_closest_marker("django_db")
    if (marker and marker.kwargs.get("transaction")) or TRANSACTIONAL_FIXTURES & {*getattr(item, "fixturenames", ())}:
        return True
    return item.path.relative_to(Path(__file__).parent).as_posix().startswith(SLOW_PATHS)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The databases are deleted with their cluster. Dropping one would fail while a thread still has a session."""
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """A test may leave a tenant active; no row policy may apply when its tables are emptied."""
    tenancy.deactivate()


@pytest.fixture(autouse=True)
def _no_announcements() -> None:
    """There are no announcements, and no page queries them: a test may count the queries of a page."""
    announcement_cache.rows, announcement_cache.expires_at = (), float("inf")


def uses_database(item: Any) -> bool:
    """Whether a test may use the database."""
    return "_django_db_helper" in item.fixturenames or item.get_closest_marker("django_db") is not None


@pytest.fixture(autouse=True)
def _new_state(request: pytest.FixtureRequest) -> None:
    """The language, rate limits, wake-ups, cached values, files and outages of an earlier test are gone."""
    translation.deactivate()  # a page that was rendered in this thread left its reader's language active
    redis_breaker._open_until = 0.0
    if uses_database(request.node):
        request.getfixturevalue("db")
        redis_client().flushdb()
        for each in caches.all():
            each.clear()
        request.getfixturevalue("own_media")
    else:
        # A response that is closed would use the connection that an earlier test left open.
        connections.close_all()


@pytest.fixture
def own_media(tmp_path: Path, settings: Any) -> None:
    """Files are stored in a folder of the test. The processes that a test starts use the same folder."""
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": str(tmp_path / "media")}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
