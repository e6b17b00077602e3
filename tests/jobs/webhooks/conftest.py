from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.webhooks.models import Endpoint
from jobs.webhooks.services import create_endpoint
from tests.support.webhook_receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver on loopback, where webhooks may go in this test."""
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with receiving() as there:
        yield there


@pytest.fixture
def endpoint(alice: Any, receiver: Receiver) -> Callable[..., Endpoint]:
    """An endpoint of Alice's team at the receiver."""

    def make(path: str = "/hook", kinds: tuple[str, ...] = ("video.completed", "video.canceled")) -> Endpoint:
        return create_endpoint(team=alice.team, creator=alice.user, url=receiver.url + path, kinds=kinds)

    return make
