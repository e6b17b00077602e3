"""Alice's key and a portal of real web processes, reached through real sockets."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from accounts.keys.services import create_api_key
from accounts.models import User
from accounts.teams.services import ensure_personal_team
from mutoscope import AsyncMutoscope, Mutoscope
from tests.support.web_processes import WebProcesses


@pytest.fixture
def web(web_processes: Callable[..., WebProcesses]) -> WebProcesses:
    return web_processes(1)


@pytest.fixture
def key(transactional_db: None) -> str:
    user = User.objects.create_user("alice@example.com")
    return create_api_key(team=ensure_personal_team(user=user), creator=user, name="client")[1]


@pytest.fixture
def client(web: WebProcesses, key: str) -> Iterator[Mutoscope]:
    transport = httpx.HTTPTransport(uds=str(web.socket))
    with Mutoscope("http://localhost", key, http_client=httpx.Client(transport=transport)) as made:
        yield made


@pytest.fixture
def async_client(web: WebProcesses, key: str) -> Callable[[], AsyncMutoscope]:
    """Makes one; inside the loop that uses it."""

    def make(**options: Any) -> AsyncMutoscope:
        transport = httpx.AsyncHTTPTransport(uds=str(web.socket))
        return AsyncMutoscope("http://localhost", key, http_client=httpx.AsyncClient(transport=transport), **options)

    return make
