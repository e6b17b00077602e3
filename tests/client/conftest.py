"""Alice's API key and clients of a site that runs in processes of its own, over real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from mutoscope import AsyncMutoscope, Mutoscope
from tests.support.people import Person
from tests.support.web_processes import WebProcesses

CAT = Path(settings.ROOT) / "samples" / "cat.jpg"
SMALL: dict[str, Any] = {"resolution": "256p", "num_frames": 8}


@pytest.fixture
def own_media() -> None:
    """Store files as the settings say: the processes run for longer than a test and share the files."""


@pytest.fixture(scope="module")
def _web(module_web_processes: Callable[..., WebProcesses]) -> WebProcesses:
    return module_web_processes(1)


@pytest.fixture
def web(transactional_db: None, _web: WebProcesses) -> WebProcesses:
    return _web


@pytest.fixture
def key(transactional_db: None, alice: Person) -> str:
    return alice.key


@pytest.fixture
def client(web: WebProcesses, key: str) -> Iterator[Mutoscope]:
    transport = httpx.HTTPTransport(uds=str(web.socket))
    with Mutoscope("http://localhost", key, http_client=httpx.Client(transport=transport)) as client:
        yield client


@pytest.fixture
def async_client(web: WebProcesses, key: str) -> Callable[..., AsyncMutoscope]:
    """Returns a function that creates a client. Call it inside the event loop that uses the client."""

    def create(**options: Any) -> AsyncMutoscope:
        transport = httpx.AsyncHTTPTransport(uds=str(web.socket))
        return AsyncMutoscope("http://localhost", key, http_client=httpx.AsyncClient(transport=transport), **options)

    return create
