"""The team's audit log: its messages, who may read it, and that it contains no secrets and no other teams."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEntry, Verb
from accounts.keys.services import create_api_key, revoke_api_key
from accounts.models import ApiKey, Invitation, Team, User
from accounts.roles import Role
from accounts.teams.audit_log_messages import EntryNames, messages_of_entry
from tests.support.people import Person
from tests.support.teams import link_in_mail, make_team, member_of, text_of


@pytest.fixture
def team(alice: Person) -> Team:
    return make_team(alice.user, adam=Role.ADMIN, bob=Role.VIEWER, mo=Role.MEMBER, vera=Role.VIEWER)


def id_of(name: str) -> int:
    return User.objects.get(email=f"{name}@example.com").pk


def test_messages_with_actor_and_ip_address(team: Team, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    owner = member_of(team, "alice")
    headers: dict[str, Any] = {"X-Forwarded-For": "203.0.113.5"}
    owner.post(f"/team/members/{id_of('bob')}", {"role": "member", "credits_per_month": "500"}, **headers)
    owner.post(f"/team/members/{id_of('bob')}/remove", **headers)
    owner.post("/team", {"email": "new@example.com", "role": "member"}, **headers)
    link = link_in_mail()
    owner.post(f"/team/invitations/{Invitation.objects.get().pk}/resend", **headers)
    owner.post(f"/team/invitations/{Invitation.objects.get().pk}/withdraw", **headers)
    owner.post("/team/settings", {"name": "Atelier", "default_model": "camera"}, **headers)
    owner.post("/team/close", {"name": "Atelier"}, **headers)
    owner.post("/team/keep", **headers)
    member_of(team, "mo").post("/team/leave", **headers)
    key, clear = create_api_key(team=team, creator=owner.user, name="batch")
    revoke_api_key(key=key)

    page = owner.get("/team/log")
    text = text_of(page)
    for sentence in (
        "alice@example.com changed the role of bob@example.com from Viewer to Member",
        "alice@example.com changed the credits per month of bob@example.com from no cap to 500",
        "alice@example.com removed bob@example.com from the team",
        "alice@example.com invited new@example.com as Member",
        "alice@example.com sent the invitation for new@example.com again",
        "alice@example.com withdrew the invitation for new@example.com",
        "alice@example.com renamed the team from “Studio” to “Atelier”",
        "alice@example.com changed the default model",
        "alice@example.com scheduled the deletion of the team",
        "alice@example.com canceled the deletion of the team",
        "mo@example.com left the team",
        "The site created the key “batch”",
        "The site revoked the key “batch”",
        "from 203.0.113.5",
    ):
        assert sentence in text, sentence
    assert text.index("canceled the deletion of the team") < text.index("scheduled the deletion of the team")
    content = page.content.decode()
    for hidden in (link.removeprefix("/join/"), clear, bytes(key.secret_sha256).hex(), "sha256"):
        assert hidden not in content


def test_messages_about_sharing_and_webhooks(team: Team) -> None:
    owner = member_of(team, "alice")
    owner.post("/gallery/collections", {"name": "Autumn reel"})
    owner.post("/gallery/sharing/public-page", {"on": "1"})
    owner.post("/webhooks", {"url": "https://example.com/token-4711", "events": ["video.completed"]})
    text = text_of(owner.get("/team/log"))
    assert "alice@example.com created a collection" in text
    assert "alice@example.com turned the public page on" in text
    assert "alice@example.com created a webhook" in text
    assert "token-4711" not in text
    assert "changed a detail" not in text
    assert "created a webhook" not in text_of(owner.get("/team/log?what=galleries.Collection"))


def test_the_public_page_is_logged_as_often_as_it_is_switched(team: Team) -> None:
    owner = member_of(team, "alice")
    for switch in ("0", "1", "1", "0"):
        owner.post("/gallery/sharing/public-page", {"on": switch})
    text = text_of(owner.get("/team/log"))
    assert text.count("turned the public page on") == 1
    assert text.count("turned the public page off") == 1


@pytest.mark.parametrize(
    ("due", "deleted"), [("deletion_due_at", "deleted_at"), ("closing_at", "closed_at")], ids=["current", "former"]
)
def test_closing_a_team_under_current_and_former_column_names(due: str, deleted: str, team: Team) -> None:
    def log(**changes: list[str | None]) -> list[str]:
        entry = AuditEntry(team=team, verb=Verb.UPDATE, model="accounts.Team", row_id=str(team.pk), changes=changes)
        return messages_of_entry(entry, EntryNames.of([entry]))

    moment = "2031-03-20T12:00:00+00:00"
    assert log(**{due: [None, moment]}) == ["The site scheduled the deletion of the team"]
    assert log(**{due: [moment, None]}) == ["The site canceled the deletion of the team"]
    assert log(**{due: [moment, None], deleted: [None, moment]}) == ["The site changed a detail: Team"]


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("adam", 200), ("mo", 403), ("vera", 403)])
def test_who_may_read_it(name: str, status: int, team: Team) -> None:
    assert member_of(team, name).get("/team/log").status_code == status
    assert Client().get("/team/log").status_code == 302


def test_filters_and_pages(team: Team) -> None:
    owner, adam = member_of(team, "alice"), member_of(team, "adam")
    for number in range(60):
        owner.post("/team/settings", {"name": f"Name {number}"})
    adam.post(f"/team/members/{id_of('vera')}", {"role": "member"})

    first = owner.get("/team/log")
    older = re.search(r'href="(/team/log\?[^"]+)"', first.content.decode())
    assert older
    second = owner.get(older[1])
    seen = [entry.pk for page in (first, second) for entry, _ in page.context["entries"]]
    logged = AuditEntry.objects.for_team(team).exclude(model="quota.Wallet")
    assert seen == list(logged.order_by("-pk").values_list("pk", flat=True))

    by_adam = text_of(owner.get(f"/team/log?who={adam.user.pk}"))
    assert "changed the role of vera" in by_adam
    assert "renamed" not in by_adam
    of_names = owner.get("/team/log?what=accounts.Team")
    assert "changed the role" not in text_of(of_names)
    assert "what=accounts.Team" in of_names.content.decode()
    for invalid in ("who=x", "what=x", "after=x", "who=%00", f"after={10**30}", "after=²", "who=-1"):
        assert owner.get(f"/team/log?{invalid}").status_code == 200


def test_it_contains_only_entries_of_the_team(team: Team, charlie: Person) -> None:
    create_api_key(team=team, creator=member_of(team, "alice").user, name="of the studio")
    assert "of the studio" not in text_of(charlie.get("/team/log"))
    assert ApiKey.objects.exists()
    foreign = AuditEntry.objects.for_team(team).latest("pk")
    shown = charlie.get(f"/team/log?after={foreign.pk + 1}").context["entries"]
    assert {entry.team_id for entry, _ in shown} == {charlie.team.pk}


@pytest.mark.parametrize("count", [1, 20])
def test_number_of_queries(count: int, team: Team, django_assert_max_num_queries: Any) -> None:
    owner = member_of(team, "alice")
    for number in range(count):
        create_api_key(team=team, creator=owner.user, name=f"key {number}")
    with django_assert_max_num_queries(12):
        owner.get("/team/log")
