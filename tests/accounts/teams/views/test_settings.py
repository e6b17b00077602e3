"""Creating, switching, renaming, closing and keeping teams."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Invitation, Membership, Team
from accounts.quota.models import LedgerEntry
from accounts.roles import Role
from accounts.teams.invitations import invite
from accounts.teams.services import delete_due_teams
from jobs.models import Job
from jobs.states import State
from tests.support.people import Person
from tests.support.teams import make_team, member_of, role_of, text_of


@pytest.fixture
def team(alice: Person) -> Team:
    return make_team(alice.user, adam=Role.ADMIN, mo=Role.MEMBER, vera=Role.VIEWER)


def test_a_new_team_becomes_the_current_one(mia: Person) -> None:
    response = mia.client.post("/team/new", {"name": "  Night shift "}, follow=True)
    assert "Night shift" in text_of(response)
    created = Team.objects.get(name="Night shift")
    assert role_of(created, "mia") == "owner"
    assert created.name in mia.get("/").content.decode()


def test_a_name_is_one_line(mia: Person) -> None:
    mia.post("/team/new", {"name": "Night\r\nshift\u2028 of\tMia"})
    team = Team.objects.get(name="Night shift of Mia")
    mia.post("/team/settings", {"name": "Day\n\nshift"})
    team.refresh_from_db()
    assert team.name == "Day shift"
    Team.objects.filter(pk=team.pk).update(name="Day\n shift")  # of an earlier release
    mia.post("/team/close", {"name": "Day\n shift"})
    team.refresh_from_db()
    assert team.deletion_due_at is not None


def test_the_number_of_owned_teams_is_limited(mia: Person, settings: Any) -> None:
    settings.MAX_TEAMS_OWNED = 3  # including the personal team, which does not exist yet
    responses = [mia.post("/team/new", {"name": f"Team {number}"}) for number in range(4)]
    assert [response.status_code for response in responses] == [302, 302, 302, 422]
    assert "You already own 3 teams" in text_of(responses[-1])
    assert "Give the team a name" in text_of(mia.post("/team/new", {"name": " "}))


def test_switching_takes_a_post_and_an_own_team(team: Team, alice: Person, charlie: Person) -> None:
    assert alice.get("/team/switch").status_code == 405
    assert alice.post("/team/switch", {"team": team.pk, "next": "/history"})["Location"] == "/history"
    assert "Studio" in text_of(alice.get("/history"))
    for back in ("https://evil.example/", "//evil.example", "/\\evil.example", "http://["):
        assert alice.post("/team/switch", {"team": alice.team.pk, "next": back})["Location"] == "/"
    for foreign in (charlie.team.pk, 10**12, "", "x", "\0"):
        assert alice.post("/team/switch", {"team": foreign}).status_code == 404
    assert alice.client.session["team"] == alice.team.pk
    assert Client().post("/team/switch", {"team": team.pk})["Location"].startswith("/accounts/login/")


def test_a_stale_choice_falls_back_to_the_personal_team(team: Team, charlie: Person) -> None:
    for stale in (team.pk, 10**12):
        session = charlie.client.session
        session["team"] = stale
        session.save()
        page = charlie.get("/team")
        assert page.context["principal"].team == charlie.team


def test_the_switcher_lists_only_own_teams(team: Team, alice: Person, charlie: Person) -> None:
    menu = alice.get("/").content.decode().split('id="team-menu"')[1]
    assert f'value="{team.pk}"' in menu
    assert f'value="{alice.team.pk}"' in menu
    assert f'value="{charlie.team.pk}"' not in menu


@pytest.mark.parametrize(("name", "status"), [("alice", 302), ("adam", 302), ("mo", 403), ("vera", 403)])
def test_who_may_change_the_settings(name: str, status: int, team: Team) -> None:
    person = member_of(team, name)
    assert person.post("/team/settings", {"name": "Studio 2", "default_model": "camera"}).status_code == status
    assert person.get("/team/settings").status_code == (200 if status == 302 else 403)
    team.refresh_from_db()
    assert (team.name, team.default_model) == (("Studio 2", "camera") if status == 302 else ("Studio", ""))


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "x" * 121}, {"name": "a\0b"}, {"name": "S", "default_model": "?"}]
)
def test_invalid_settings_are_rejected(fields: dict[str, str], team: Team) -> None:
    assert member_of(team, "alice").post("/team/settings", fields).status_code == 422


def close_team(person: Person, name: str = "Studio") -> Any:
    return person.post("/team/close", {"name": name})


@pytest.mark.parametrize("name", ["adam", "mo", "vera"])
def test_only_owners_may_close_and_keep(name: str, team: Team) -> None:
    assert close_team(member_of(team, name)).status_code == 403
    Team.objects.filter(pk=team.pk).update(deletion_due_at=timezone.now() + timedelta(days=1))
    assert member_of(team, name).post("/team/keep").status_code == 403
    team.refresh_from_db()
    assert team.deletion_due_at


def test_closing_needs_the_name_and_a_team_that_is_not_personal(team: Team, alice: Person) -> None:
    alice_in_team = member_of(team, "alice")
    assert [close_team(alice_in_team, wrong).status_code for wrong in ("studio", "", "\0")] == [422] * 3
    assert "This is not the team" in text_of(close_team(alice_in_team, "studio"))
    assert "personal team cannot be deleted separately" in text_of(
        alice.client.post("/team/close", {"name": alice.team.name}, follow=True)
    )
    assert "Delete the team" not in text_of(alice.get("/team/settings"))
    assert not Team.objects.exclude(deletion_due_at=None).exists()


def test_grace_period(team: Team, settings: Any) -> None:
    settings.TEAM_DELETION_GRACE_DAYS = 3
    alice_in_team = member_of(team, "alice")
    assert close_team(alice_in_team).status_code == 302
    team.refresh_from_db()
    assert team.deletion_due_at is not None
    assert timedelta(days=2, hours=23) < team.deletion_due_at - timezone.now() < timedelta(days=3)
    first = team.deletion_due_at
    close_team(alice_in_team)
    team.refresh_from_db()
    assert team.deletion_due_at == first
    for path in ("/", "/history", "/team", "/api-keys", "/accounts/email/", "/nothing-here"):
        page = text_of(alice_in_team.get(path))
        assert "will be deleted on" in page, path
        assert "Cancel the deletion" in page
    page_of_member = text_of(member_of(team, "mo").get("/"))
    assert "will be deleted on" in page_of_member
    assert "Cancel the deletion" not in page_of_member
    assert delete_due_teams() == 0

    assert alice_in_team.post("/team/keep").status_code == 302
    assert "will be deleted on" not in text_of(alice_in_team.get("/"))
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        assert delete_due_teams() == 0
    assert role_of(team, "mo") == "member"


def test_after_the_grace_period_only_the_ledger_is_left(
    team: Team, make_job: Callable[..., Job], settings: Any
) -> None:
    alice_in_team = member_of(team, "alice")
    running, done = make_job(alice_in_team, State.IN_PROGRESS), make_job(alice_in_team, State.COMPLETED)
    queued = make_job(alice_in_team)
    key, secret = create_api_key(team=team, creator=alice_in_team.user, name="k")
    invite(team=team, actor=alice_in_team.user, email="late@example.com", role=Role.MEMBER, days=30)
    close_team(alice_in_team)
    with time_machine.travel(timezone.now() + timedelta(days=settings.TEAM_DELETION_GRACE_DAYS, minutes=1)):
        assert delete_due_teams() == 1
        assert delete_due_teams() == 0
        page = member_of(team, "alice").get("/team")
    team.refresh_from_db()
    assert team.deleted_at
    assert "Studio" not in team.name
    assert not Membership.objects.filter(team=team).exists()
    assert ApiKey.objects.get(pk=key.pk).revoked_at
    assert Client().get("/v1/videos", headers={"X-API-Key": secret}).status_code == 401
    assert Invitation.objects.get().revoked_at
    queued.refresh_from_db()
    running.refresh_from_db()
    assert queued.state == State.CANCELED
    assert running.cancel_requested_at
    assert not Job.objects.for_team(team).exists()
    assert Job.objects.get(pk=done.pk).deleted_at
    assert LedgerEntry.objects.filter(team=team).exists()
    assert page.context["principal"].team != team


def test_the_table_of_roles_matches_the_code(mia: Person) -> None:
    from accounts.roles import RIGHTS_OF_ROLE, SCOPES_OF_ROLE, Right, Scope

    for client in (Client(), mia.client):
        page = client.get("/docs/roles")
        assert page.status_code == 200
        rows = {str(label): allowed for label, _, allowed in page.context["rows"]}
        assert rows == {
            **{str(scope.label): [scope in SCOPES_OF_ROLE[role] for role in Role] for scope in Scope},
            **{str(right.label): [right in RIGHTS_OF_ROLE[role] for role in Role] for right in Right},
        }
        assert "Create API keys" in text_of(page)
    mia.client.post("/language", {"language": "zh-hans"})
    assert "创建 API 密钥" in text_of(mia.get("/docs/roles"))


def test_number_of_queries_of_the_team_page(team: Team, django_assert_num_queries: Any) -> None:
    alice_in_team = member_of(team, "mo")
    with django_assert_num_queries(5):  # session, user, memberships with teams, wallet, members
        alice_in_team.get("/team")
