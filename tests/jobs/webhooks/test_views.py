"""The pages of webhooks."""

from typing import Any

import pytest

from jobs.webhooks.models import Delivery, Endpoint
from jobs.webhooks.services import MAX_ENDPOINTS
from jobs.webhooks.transport import post
from tests.support.people import Person

FORM: dict[str, Any] = {"url": "https://example.com/hook", "description": "our shop", "events": ["video.completed"]}


def create(person: Person) -> Endpoint:
    response = person.post("/webhooks", FORM)
    assert response.status_code == 201
    endpoint = Endpoint.objects.get()
    assert endpoint.secret in response.content.decode()
    return endpoint


def test_create_show_ping_rotate_and_delete(alice: Person) -> None:
    endpoint = create(alice)
    assert endpoint.url in alice.get("/webhooks").content.decode()
    path = f"/webhooks/{endpoint.public_id}"
    page = alice.get(path).content.decode()
    assert endpoint.secret not in page
    assert alice.post(f"{path}/ping").status_code == 302
    assert "ping" in alice.get(path).content.decode()
    delivery = Delivery.objects.get()
    assert alice.post(f"{path}/redeliver", {"delivery": delivery.public_id}).status_code == 302
    former = endpoint.secret
    page = alice.post(f"{path}/rotate").content.decode()
    endpoint.refresh_from_db()
    assert endpoint.secret in page
    assert former not in page
    alice.post(f"{path}/disable")
    endpoint.refresh_from_db()
    assert endpoint.disabled_at
    alice.post(f"{path}/enable")
    alice.post(f"{path}/delete")
    assert not Endpoint.objects.exists()


def test_an_invalid_url_is_shown_with_its_error(alice: Person) -> None:
    response = alice.post("/webhooks", FORM | {"url": "gopher://x", "events": []})
    assert response.status_code == 422
    page = response.content.decode()
    assert "Write a complete URL" in page
    assert "gopher://x" in page


def test_responses_of_receivers_are_escaped(alice: Person) -> None:
    endpoint = create(alice)
    alice.post(f"/webhooks/{endpoint.public_id}/ping")
    Delivery.objects.get().attempts.create(
        number=1, seconds=1, status=500, response_excerpt="<script>alert(1)</script>"
    )
    page = alice.get(f"/webhooks/{endpoint.public_id}").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("private", "english", "chinese"),
    [
        (True, "The connection failed (ConnectError).", "连接失败（ConnectError）。"),  # noqa: RUF001
        (
            False,
            "The URL points to a private IP address, which is not allowed.",
            "该 URL 指向私有 IP 地址，不允许访问。",  # noqa: RUF001
        ),
    ],
)
def test_errors_of_attempts_are_localized(
    private: bool, english: str, chinese: str, alice: Person, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = private
    endpoint = create(alice)
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/ping")
    result = post("http://127.0.0.1:1/hook", body="{}", headers={})
    Delivery.objects.get().attempts.create(
        number=1, seconds=1, error=result.error.template, error_params=result.error.params_as_json()
    )
    assert english in alice.get(path).content.decode()
    page = alice.client.get(path, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert chinese in page
    assert english not in page


def test_errors_are_shown_in_chinese(alice: Person) -> None:
    alice.client.post("/language", {"language": "zh-hans"})
    page = alice.post("/webhooks", FORM | {"url": "gopher://x"}).content.decode()
    assert "请填写完整的 URL" in page
    endpoint = Endpoint.objects.create(team=alice.team, creator=alice.user, url=FORM["url"], secret="s", kinds=[])
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/disable")
    alice.post(f"{path}/ping")
    assert "这个 Webhook 已停用" in alice.get(path).content.decode()
    for _ in range(MAX_ENDPOINTS):
        alice.post("/webhooks", FORM)
    assert f"一个团队最多有 {MAX_ENDPOINTS} 个" in alice.get("/webhooks").content.decode()


@pytest.mark.parametrize("name", ["mia", "bob"])
def test_members_and_viewers_have_no_access(request: pytest.FixtureRequest, name: str) -> None:
    person = request.getfixturevalue(name)
    assert person.get("/webhooks").status_code == 403
    assert person.post("/webhooks", FORM).status_code == 403


def test_other_teams_webhooks_and_unknown_actions_are_not_found(alice: Person, charlie: Person) -> None:
    endpoint = create(alice)
    assert charlie.get(f"/webhooks/{endpoint.public_id}").status_code == 404
    assert charlie.post(f"/webhooks/{endpoint.public_id}/delete").status_code == 404
    assert alice.post(f"/webhooks/{endpoint.public_id}/explode").status_code == 404
    assert Endpoint.objects.exists()


def test_a_private_ip_address_is_refused(alice: Person, settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = False
    for host in ("localhost:9000", "127.0.0.1", "10.1.2.3", "[::1]"):
        response = alice.post("/webhooks", FORM | {"url": f"http://{host}/hook"})
        assert response.status_code == 422
        assert "cannot be sent to private IP addresses" in response.content.decode()
    assert not Endpoint.objects.exists()


def test_the_page_polls_until_the_test_event_was_attempted(alice: Person) -> None:
    endpoint = create(alice)
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/ping")
    assert 'hx-trigger="every 3s"' in alice.get(path).content.decode()
    Delivery.objects.update(tries=1)
    page = alice.get(path).content.decode()
    assert "hx-trigger" not in page.partition('id="deliveries"')[2]
    assert "Waiting for retry" in page
    assert "Next attempt" in page
