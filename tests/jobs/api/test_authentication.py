"""A revoked key is refused by every web process from the next call on: nothing keeps keys in memory."""

from accounts.keys.services import revoke_api_key
from accounts.models import ApiKey


def test_the_first_call_after_revoking_is_refused_by_each_process(web_processes, alice):
    webs = [web_processes(1), web_processes(1)]
    clients = [web.client(alice.headers) for web in webs]
    assert [client.get("/v1/videos").status_code for client in clients] == [200, 200]
    assert revoke_api_key(key=ApiKey.objects.get())
    answers = [client.get("/v1/videos") for client in clients]
    assert [answer.json()["error"]["code"] for answer in answers] == ["revoked_key"] * 2
    for client in clients:
        client.close()
