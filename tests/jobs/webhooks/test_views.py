"""The pages of webhooks."""

import pytest

from jobs.webhooks.models import Delivery, Endpoint
from jobs.webhooks.services import MAX_ENDPOINTS
from jobs.webhooks.transport import post

FORM = {"url": "https://example.com/hook", "description": "our shop", "events": ["video.completed"]}


def make(person) -> Endpoint:
    answer = person.post("/webhooks", FORM)
    assert answer.status_code == 201
    endpoint = Endpoint.objects.get()
    assert endpoint.secret in answer.content.decode()
    return endpoint


def test_make_look_test_and_delete(alice):
    endpoint = make(alice)
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


def test_a_wrong_address_comes_back_with_what_to_change(alice):
    answer = alice.post("/webhooks", FORM | {"url": "gopher://x", "events": []})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Write a whole address" in page
    assert "gopher://x" in page


def test_what_a_receiver_answers_is_shown_as_text(alice):
    endpoint = make(alice)
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
        (True, "No connection (ConnectionError).", "无法连接（ConnectionError）。"),  # noqa: RUF001
        (False, "The address is a private one, which is not called from here.", "这是内网地址，门户不会访问。"),  # noqa: RUF001
    ],
)
def test_why_there_was_no_answer_is_said_in_the_reader_s_language(private, english, chinese, alice, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = private
    endpoint = make(alice)
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/ping")
    answer = post("http://127.0.0.1:1/hook", body="{}", headers={})
    Delivery.objects.get().attempts.create(number=1, seconds=1, error=answer.error)
    assert english in alice.get(path).content.decode()
    page = alice.client.get(path, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert chinese in page
    assert english not in page


def test_what_is_refused_is_said_in_chinese_too(alice):
    alice.client.post("/language", {"language": "zh-hans"})
    page = alice.post("/webhooks", FORM | {"url": "gopher://x"}).content.decode()
    assert "请填写完整地址" in page
    endpoint = Endpoint.objects.create(team=alice.team, creator=alice.user, url=FORM["url"], secret="s", kinds=[])
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/disable")
    alice.post(f"{path}/ping")
    assert "这个 Webhook 已关闭" in alice.get(path).content.decode()
    for _ in range(MAX_ENDPOINTS):
        alice.post("/webhooks", FORM)
    assert f"一个团队最多有 {MAX_ENDPOINTS} 个" in alice.get("/webhooks").content.decode()


@pytest.mark.parametrize("who", ["mia", "bob"])
def test_members_may_not(request, who):
    person = request.getfixturevalue(who)
    assert person.get("/webhooks").status_code == 403
    assert person.post("/webhooks", FORM).status_code == 403


def test_foreign_and_unknown_ones_are_absent(alice, charlie):
    endpoint = make(alice)
    assert charlie.get(f"/webhooks/{endpoint.public_id}").status_code == 404
    assert charlie.post(f"/webhooks/{endpoint.public_id}/delete").status_code == 404
    assert alice.post(f"/webhooks/{endpoint.public_id}/explode").status_code == 404
    assert Endpoint.objects.exists()


def test_a_private_address_is_refused_at_once(alice, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = False
    for host in ("localhost:9000", "127.0.0.1", "10.1.2.3", "[::1]"):
        answer = alice.post("/webhooks", FORM | {"url": f"http://{host}/hook"})
        assert answer.status_code == 422
        assert "does not call private addresses" in answer.content.decode()
    assert not Endpoint.objects.exists()


def test_the_page_looks_again_until_a_test_event_was_tried(alice):
    endpoint = make(alice)
    path = f"/webhooks/{endpoint.public_id}"
    alice.post(f"{path}/ping")
    assert 'hx-trigger="every 3s"' in alice.get(path).content.decode()
    Delivery.objects.update(tries=1)
    page = alice.get(path).content.decode()
    assert "hx-trigger" not in page.partition('id="deliveries"')[2]
    assert "Not taken yet" in page
    assert "Next try" in page
