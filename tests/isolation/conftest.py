"""Two teams that must not see each other: Alice's, with a person of every role, and Mallory's, who is hostile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from accounts.audit.models import AuditQuerySet
from accounts.models import Team, TeamOwnedQuerySet
from jobs.models import JobQuerySet
from jobs.queue.wakeup import redis_client
from tests.isolation.world import World, make_world


@pytest.fixture(autouse=True)
def _fresh_counters(db: None) -> None:
    """Rate limits of an earlier test are not this one's."""
    redis_client().flushdb()
    cache.clear()


@pytest.fixture(autouse=True)
def _own_media(tmp_path: Path, settings: Any) -> Iterator[None]:
    default = {**settings.STORAGES["default"], "OPTIONS": {"location": str(tmp_path / "media")}}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    yield


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def no_filter(rows: Any, team: Team) -> Any:
    """What a careless programmer left of `for_team`."""
    return rows.all()


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [JobQuerySet, TeamOwnedQuerySet, AuditQuerySet]
    found += [kind for kind in _below(TeamOwnedQuerySet) if "for_team" in vars(kind)]
    for kind in found:
        monkeypatch.setattr(kind, "for_team", no_filter)


def _below(kind: type) -> list[type]:
    return [found for child in kind.__subclasses__() for found in (child, *_below(child))]
