"""Two teams that must not see each other: Alice's, with a person of every role, and Mallory's, who is hostile."""

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
