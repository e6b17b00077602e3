"""Webhooks of Alice's team, and a receiver for them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.webhooks.models import Endpoint
from jobs.webhooks.services import create_endpoint
from tests.support.people import Person
from tests.support.webhook_receiver import Receiver, running_receiver


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver on loopback, to which webhooks may be sent in this test."""
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with running_receiver() as running:
        yield running


@pytest.fixture
def endpoint(alice: Person, receiver: Receiver) -> Callable[..., Endpoint]:
    """Return a function that creates an endpoint of Alice's team at the receiver."""

    def make(path: str = "/hook", kinds: tuple[str, ...] = ("video.completed", "video.canceled")) -> Endpoint:
        return create_endpoint(team=alice.team, creator=alice.user, url=receiver.url + path, kinds=kinds)

    return make
