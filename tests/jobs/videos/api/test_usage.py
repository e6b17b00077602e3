"""/v1/usage: sums by day, member, key and model, and their visibility."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Membership, User
from accounts.quota.models import UsageDay
from accounts.roles import Role, Scope
from tests.support.api_client import ApiClient
from tests.support.people import Person

MARCH = "from=2031-03-01&to=2031-03-31"
NOTHING = {"credits": 0, "videos": 0, "completed": 0, "gpu_seconds": 0}


def count(person: Any, day: str, used: int, *, key: ApiKey | None = None, model: str = "camera") -> None:
    UsageDay.objects.create(
        team=person.team,
        day=day,
        user=person.user,
        api_key=key,
        model=model,
        credits=used,
        videos=2,
        completed=1,
        gpu_seconds=used / 2,
    )


@pytest.fixture
def march(alice: Person, bob: Person, charlie: Person) -> ApiKey:
    """Usage of Alice and Bob in March, and of Charlie in his own team."""
    key, _ = create_api_key(team=alice.team, creator=alice.user, name="batch")
    count(alice, "2031-03-01", 10)
    count(alice, "2031-03-05", 20, key=key, model="i2vgen-xl")
    count(alice, "2031-02-28", 1000)
    count(bob, "2031-03-05", 5)
    count(charlie, "2031-03-05", 7000)
    return key


def ask(api: Any, query: str) -> dict[str, Any]:
    response = api.get(f"/v1/usage?{query}")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def test_by_day_includes_every_day(march: Any, as_alice: ApiClient) -> None:
    body = ask(as_alice, MARCH)
    assert (body["object"], body["from"], body["to"], body["group_by"]) == ("usage", "2031-03-01", "2031-03-31", "day")
    assert [row["day"] for row in body["data"]] == [f"2031-03-{day:02}" for day in range(1, 32)]
    assert body["data"][4] == {"day": "2031-03-05", "credits": 25, "videos": 4, "completed": 2, "gpu_seconds": 12.5}
    assert body["data"][1] == {"day": "2031-03-02", **NOTHING}
    assert body["total"] == {"credits": 35, "videos": 6, "completed": 3, "gpu_seconds": 17.5}


def test_by_member_key_and_model(march: Any, as_alice: ApiClient) -> None:
    members = ask(as_alice, f"{MARCH}&group_by=member")["data"]
    assert [(row["member"]["email"], row["credits"]) for row in members] == [
        ("alice@example.com", 30),
        ("bob@example.com", 5),
    ]
    keys = ask(as_alice, f"{MARCH}&group_by=key")["data"]
    assert [(row["key"] and row["key"]["name"], row["credits"]) for row in keys] == [("batch", 20), (None, 15)]
    assert keys[0]["key"] == {"prefix": march.prefix, "name": "batch", "state": "live"}
    models = ask(as_alice, f"{MARCH}&group_by=model")["data"]
    assert [(row["model"], row["credits"]) for row in models] == [("i2vgen-xl", 20), ("camera", 15)]


def test_viewers_get_their_own_rows_and_the_sums_of_the_team(march: Any, as_bob: ApiClient) -> None:
    for group in ("member", "key"):
        body = ask(as_bob, f"{MARCH}&group_by={group}")
        assert [row["credits"] for row in body["data"]] == [5]
        assert body["total"]["credits"] == 5
    assert ask(as_bob, f"{MARCH}&group_by=model")["total"]["credits"] == 35
    assert ask(as_bob, MARCH)["total"]["credits"] == 35


def test_another_team_sees_only_its_own_usage(march: Any, as_charlie: ApiClient, as_nobody: ApiClient) -> None:
    for group in ("day", "member", "key", "model"):
        assert ask(as_charlie, f"{MARCH}&group_by={group}")["total"]["credits"] == 7000
    assert as_nobody.get("/v1/usage").status_code == 401


def test_a_key_needs_the_scope(limited_key: Callable[[Scope], ApiClient]) -> None:
    assert limited_key(Scope.USAGE_READ).get("/v1/usage").status_code == 200
    response = limited_key(Scope.VIDEOS_READ).get("/v1/usage")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "missing_scope")


def test_deleted_people_and_revoked_keys_are_still_listed(march: Any, alice: Person, as_alice: ApiClient) -> None:
    ApiKey.objects.filter(pk=march.pk).update(revoked_at=timezone.now())
    closed = User.objects.create_user("closed-7@invalid", is_active=False)
    Membership.objects.create(team=alice.team, user=closed, role=Role.MEMBER)
    for user_id, key_id in ((closed.pk, None), (987_654, 123_456)):
        UsageDay.objects.create(
            team=alice.team, day="2031-03-09", user_id=user_id, api_key_id=key_id, model="camera", credits=1
        )
    members = ask(as_alice, f"{MARCH}&group_by=member")["data"]
    gone = {"email": None, "name": "Deleted account", "deleted": True}
    assert [row["member"] for row in members][2:] == [gone, gone]
    keys = [row["key"] for row in ask(as_alice, f"{MARCH}&group_by=key")["data"]]
    assert keys[0]["state"] == "revoked"
    assert keys[2] == {"prefix": None, "name": "Deleted key", "state": "deleted"}


def test_the_default_period_is_the_current_month(alice: Person, as_alice: ApiClient) -> None:
    count(alice, "2031-04-02", 3)
    with time_machine.travel("2031-04-17T12:00:00Z", tick=False):
        body = ask(as_alice, "")
        assert (body["from"], body["to"], body["total"]["credits"]) == ("2031-04-01", "2031-04-17", 3)
        body = ask(as_alice, "to=2030-02-28")
        assert (body["from"], body["to"]) == ("2030-02-01", "2030-02-28")
        body = ask(as_alice, "from=2031-06-01")
        assert (body["from"], body["to"]) == ("2031-06-01", "2031-06-01")


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ("from=yesterday", "from", "YYYY-MM-DD"),
        ("from=2031-02-30", "from", "YYYY-MM-DD"),
        ("from=20310201", "from", "YYYY-MM-DD"),
        ("from=2031-W05-1", "from", "YYYY-MM-DD"),
        ("from=\u0662031-03-01", "from", "YYYY-MM-DD"),
        ("to=2031-03-01%00", "to", "not text"),
        ("to=99999-01-01", "to", "YYYY-MM-DD"),
        ("to=", "to", "blank"),
        ("from=2031-03-02&to=2031-03-01", "from", "earlier day"),
        ("from=2030-01-01&to=2031-01-02", "from", "366 days"),
        ("from=0001-01-01&to=9999-12-31", "from", "366 days"),
        ("group_by=team", "group_by", "Choose one of: "),
        ("form=2031-03-01", "form", "no such field"),
    ],
)
def test_invalid_parameters(query: str, param: str, says: str, as_alice: ApiClient) -> None:
    response = as_alice.get(f"/v1/usage?{query}")
    assert response.status_code == 422
    assert response.json()["error"]["param"] == param
    assert says in response.json()["error"]["message"]


def test_a_leap_year_fits_into_one_request(as_alice: ApiClient) -> None:
    assert len(ask(as_alice, "from=2032-01-01&to=2032-12-31")["data"]) == 366


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_last_day_of_the_calendar(day: str, as_alice: ApiClient) -> None:
    assert ask(as_alice, f"from={day}&to={day}")["total"] == NOTHING


def test_reserved_credits_are_counted(submit: Callable[..., Any], as_alice: ApiClient) -> None:
    job = submit()
    body = ask(as_alice, "group_by=model")
    assert body["data"] == [
        {"model": "camera", "credits": job.quoted_credits, "videos": 1, "completed": 0, "gpu_seconds": 0}
    ]


@pytest.mark.parametrize(("group", "queries"), [("day", 2), ("model", 2), ("member", 3), ("key", 3)])
def test_queries(
    group: str, queries: int, march: Any, alice: Person, as_alice: ApiClient, django_assert_num_queries: Any
) -> None:
    as_alice.get("/v1/usage")  # writes the first use of the key
    for number in range(10):
        key, _ = create_api_key(team=alice.team, creator=alice.user, name=f"key {number}")
        count(alice, date(2031, 3, 10 + number).isoformat(), 1, key=key)
    with django_assert_num_queries(queries):  # the principal, the sums, the names
        ask(as_alice, f"{MARCH}&group_by={group}")
