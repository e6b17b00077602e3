"""The team's audit log: in sentences, for admins, with nothing secret and nothing of other teams."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.keys.services import create_api_key, revoke_api_key
from accounts.models import ApiKey, Invitation, Team, User
from accounts.roles import Role
from tests.support.people import Person
from tests.support.teams import at, link_in_mail, studio, text_of


@pytest.fixture
def team(alice: Person) -> Team:
    return studio(alice.user, adam=Role.ADMIN, bob=Role.VIEWER, mo=Role.MEMBER, vera=Role.VIEWER)


def key_of(name: str) -> int:
    return User.objects.get(email=f"{name}@example.com").pk


def test_who_did_what_from_where(team: Team, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    there = at(team, "alice")
    address = {"X-Forwarded-For": "203.0.113.5"}
    there.post(f"/team/members/{key_of('bob')}", {"role": "member", "credits_per_month": "500"}, **address)
    there.post(f"/team/members/{key_of('bob')}/remove", **address)
    there.post("/team", {"email": "new@example.com", "role": "member"}, **address)
    link = link_in_mail()
    there.post(f"/team/invitations/{Invitation.objects.get().pk}/resend", **address)
    there.post(f"/team/invitations/{Invitation.objects.get().pk}/withdraw", **address)
    there.post("/team/settings", {"name": "Atelier", "default_model": "camera"}, **address)
    there.post("/team/close", {"name": "Atelier"}, **address)
    there.post("/team/keep", **address)
    at(team, "mo").post("/team/leave", **address)
    key, clear = create_api_key(team=team, creator=there.user, name="batch")
    revoke_api_key(key=key)

    page = there.get("/team/log")
    text = text_of(page)
    for sentence in (
        "alice@example.com changed the role of bob@example.com from Viewer to Member",
        "alice@example.com changed the credits a month of bob@example.com from no cap to 500",
        "alice@example.com removed bob@example.com from the team",
        "alice@example.com invited new@example.com as Member",
        "alice@example.com sent the invitation of new@example.com again",
        "alice@example.com withdrew the invitation of new@example.com",
        "alice@example.com renamed the team from “Studio” to “Atelier”",
        "alice@example.com changed the default model",
        "alice@example.com asked for the team to be closed",
        "alice@example.com kept the team",
        "mo@example.com left the team",
        "The site made the key “batch”",
        "The site revoked the key “batch”",
        "from 203.0.113.5",
    ):
        assert sentence in text, sentence
    assert text.index("kept the team") < text.index("asked for the team to be closed")
    shown = page.content.decode()
    for hidden in (link.removeprefix("/join/"), clear, bytes(key.secret_sha256).hex(), "sha256"):
        assert hidden not in shown


def test_what_the_team_shows_and_where_it_sends_events(team: Team) -> None:
    there = at(team, "alice")
    there.post("/gallery/collections", {"name": "Autumn reel"})
    there.post("/gallery/sharing/public-page", {"on": "1"})
    there.post("/webhooks", {"url": "https://example.com/token-4711", "events": ["video.completed"]})
    text = text_of(there.get("/team/log"))
    assert "alice@example.com made a collection" in text
    assert "alice@example.com switched the public page on" in text
    assert "alice@example.com made a webhook" in text
    assert "token-4711" not in text
    assert "changed a detail" not in text
    assert "made a webhook" not in text_of(there.get("/team/log?what=galleries.Collection"))


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("adam", 200), ("mo", 403), ("vera", 403)])
def test_who_reads_it(name: str, status: int, team: Team) -> None:
    assert at(team, name).get("/team/log").status_code == status
    assert Client().get("/team/log").status_code == 302


def test_filters_and_pages(team: Team) -> None:
    there, adam = at(team, "alice"), at(team, "adam")
    for number in range(60):
        there.post("/team/settings", {"name": f"Name {number}"})
    adam.post(f"/team/members/{key_of('vera')}", {"role": "member"})

    first = there.get("/team/log")
    older = re.search(r'href="(/team/log\?[^"]+)"', first.content.decode())
    assert older
    second = there.get(older[1])
    seen = [entry.pk for page in (first, second) for entry, _ in page.context["entries"]]
    logged = AuditEntry.objects.for_team(team).exclude(model="quota.Wallet")
    assert seen == list(logged.order_by("-pk").values_list("pk", flat=True))

    by_adam = text_of(there.get(f"/team/log?who={adam.user.pk}"))
    assert "changed the role of vera" in by_adam
    assert "renamed" not in by_adam
    of_names = there.get("/team/log?what=accounts.Team")
    assert "changed the role" not in text_of(of_names)
    assert "what=accounts.Team" in of_names.content.decode()
    for nonsense in ("who=x", "what=x", "after=x", "who=%00", f"after={10**30}", "after=²", "who=-1"):
        assert there.get(f"/team/log?{nonsense}").status_code == 200


def test_it_is_the_teams_own(team: Team, charlie: Person) -> None:
    create_api_key(team=team, creator=at(team, "alice").user, name="of the studio")
    assert "of the studio" not in text_of(charlie.get("/team/log"))
    assert ApiKey.objects.exists()
    foreign = AuditEntry.objects.for_team(team).latest("pk")
    shown = charlie.get(f"/team/log?after={foreign.pk + 1}").context["entries"]
    assert {entry.team_id for entry, _ in shown} == {charlie.team.pk}


@pytest.mark.parametrize("count", [1, 20])
def test_it_asks_the_database_little(count: int, team: Team, django_assert_max_num_queries: Any) -> None:
    there = at(team, "alice")
    for number in range(count):
        create_api_key(team=team, creator=there.user, name=f"key {number}")
    with django_assert_max_num_queries(12):
        there.get("/team/log")
