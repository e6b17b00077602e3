"""Every web process rejects a revoked key from the next request on: no process caches keys."""

from collections.abc import Callable

from accounts.keys.services import revoke_api_key
from accounts.models import ApiKey
from tests.support.people import Person
from tests.support.web_processes import WebProcesses


def test_every_process_rejects_a_revoked_key_at_once(web_processes: Callable[..., WebProcesses], alice: Person) -> None:
    webs = [web_processes(1), web_processes(1)]
    clients = [web.client(alice.headers) for web in webs]
    assert [client.get("/v1/videos").status_code for client in clients] == [200, 200]
    assert revoke_api_key(key=ApiKey.objects.get())
    responses = [client.get("/v1/videos") for client in clients]
    assert [response.json()["error"]["code"] for response in responses] == ["revoked_key"] * 2
    for client in clients:
        client.close()
