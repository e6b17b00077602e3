"""Two teams that must not see each other: the owner's, with a person of every role, and the attacker Mallory's."""

from typing import Any

import pytest

from accounts.audit.models import AuditQuerySet
from accounts.models import Team, TeamOwnedQuerySet
from jobs.models import JobQuerySet
from tests.isolation.world import World, make_world


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def no_filter(rows: Any, team: Team) -> Any:
    """Return all rows: a `for_team` without its filter."""
    return rows.all()


@pytest.fixture
def without_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[type] = [JobQuerySet, TeamOwnedQuerySet, AuditQuerySet]
    found += [kind for kind in _subclasses(TeamOwnedQuerySet) if "for_team" in vars(kind)]
    for kind in found:
        monkeypatch.setattr(kind, "for_team", no_filter)


def _subclasses(kind: type) -> list[type]:
    return [found for child in kind.__subclasses__() for found in (child, *_subclasses(child))]
