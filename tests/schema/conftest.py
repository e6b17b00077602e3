"""A team with one row of each kind, and a client with a key of its owner and no rate limit."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.quota.services import grant
from tests.isolation.world import World, make_world


@pytest.fixture
def world(db: None, settings: Any) -> World:
    settings.GENERATE_TIMEOUT_SECONDS, settings.GENERATE_RATE_LIMIT = 0.01, "100000/minute"
    world = make_world()
    grant(team=world.owner.team, credits=1_000_000, reason="for the test")
    return world


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    yield Client(raise_request_exception=False, headers=world.owner.key_headers())


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    """The OpenAPI description."""
    found: dict[str, Any] = Client().get("/v1/openapi.json").json()
    return found
