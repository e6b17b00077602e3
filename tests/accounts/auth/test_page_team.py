"""Requests from a page that was rendered for another team than the current one."""

import json
import re
from typing import Any

import pytest

from accounts.models import ApiKey, Membership, Team
from accounts.roles import Role
from jobs.webhooks.services import create_endpoint
from portal.settings.base import ASSETS
from tests.isolation.routes import PARAMETER, ROUTES, Page
from tests.support.people import Person

# Forms that are not about the current team.
NOT_OF_A_TEAM = {"team/switch", "team/new"}
OF_A_TEAM = {
    route: "/" + PARAMETER.sub("1", route)
    for route, rule in ROUTES.items()
    if isinstance(rule, Page) and "POST" in rule.needs and route not in NOT_OF_A_TEAM
}
# Forms about the person, about no team yet, or with the team as what is chosen.
TEMPLATES_NOT_OF_A_TEAM = (
    *("account/", "mfa/", "socialaccount/", "usersessions/", "accounts/profile.html", "accounts/delete.html"),
    *("exports/", "admin/", "galleries/public_password.html", "teams/join.html", "teams/new.html"),
    *("parts/language_switch.html", "parts/account_menu.html", "parts/team_menu.html"),
    *("teams/team_changed.html", "teams/in_other_team.html"),
)
KEY = {"name": "batch script", "scopes": ["videos:read"], "expires": "90"}


@pytest.fixture
def other_team(alice: Person, charlie: Person) -> Team:
    """Another team of Alice. Her current one is her own."""
    Membership.objects.create(team=charlie.team, user=alice.user, role=Role.ADMIN)
    return charlie.team


def _post_of(team: Team, data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "page_team": str(team.pk)}


@pytest.mark.parametrize("path", OF_A_TEAM.values())
def test_every_form_of_another_team_is_refused(path: str, alice: Person, other_team: Team) -> None:
    response = alice.post(path, _post_of(other_team, {"name": "kept", "password": ""}))
    assert response.status_code == 409
    page = response.content.decode()
    assert f"Switch back to {other_team.name} and submit" in page
    assert '<input type="hidden" name="name" value="kept">' in page


def test_a_form_with_a_password_is_not_repeated_without_it(alice: Person, other_team: Team) -> None:
    page = alice.post("/gallery/share/1", _post_of(other_team, {"password": "hunter2"})).content.decode()
    assert "Files and passwords cannot be repeated from here." in page
    assert f"Switch back to {other_team.name}" in page
    assert f"Switch back to {other_team.name} and submit" not in page
    assert "hunter2" not in page


def test_every_form_of_a_team_names_its_team() -> None:
    root, count = ASSETS / "templates", 0
    for template in root.rglob("*.html"):
        name = str(template.relative_to(root))
        forms = re.findall(r"<form\b[^>]*method=\"post\".*?</form>", template.read_text(), re.DOTALL)
        if name.startswith(TEMPLATES_NOT_OF_A_TEAM):
            continue
        assert [form for form in forms if "{% form_token %}" not in form] == [], name
        count += len(forms)
    assert count > 30


def test_the_button_of_the_refusal_submits_for_the_team_of_the_form(alice: Person, other_team: Team) -> None:
    refused = alice.post("/api-keys", _post_of(other_team, KEY))
    assert refused.status_code == 409
    assert not ApiKey.objects.exists()
    response = alice.post("/api-keys", _post_of(other_team, KEY) | {"switch_back": "1"})
    assert response.status_code == 201
    assert ApiKey.objects.get().team == other_team
    assert other_team.name in alice.get("/").content.decode()


def test_the_button_switches_to_no_team_of_others(alice: Person, charlie: Person) -> None:
    page = alice.post("/api-keys", _post_of(charlie.team, KEY)).content.decode()
    assert "no longer a member" in page
    assert charlie.team.name not in page
    assert alice.post("/api-keys", _post_of(charlie.team, KEY) | {"switch_back": "1"}).status_code == 404
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_request_of_htmx_is_refused_and_leaves_the_page_as_it_is(
    method: str, alice: Person, other_team: Team
) -> None:
    headers = {"HX-Request": "true", "X-Page-Team": str(other_team.pk)}
    response = getattr(alice.client, method)("/history" if method == "get" else "/api-keys", KEY, headers=headers)
    assert response.status_code == 409
    assert response["HX-Reswap"] == "none"
    assert json.loads(response["HX-Trigger"]) == {"teamChanged": {"name": alice.team.name}}
    assert not ApiKey.objects.exists()


def test_pages_send_their_team(alice: Person) -> None:
    page = alice.get("/api-keys").content.decode()
    assert f'"X-Page-Team": "{alice.team.pk}"' in page
    assert f'<input type="hidden" name="page_team" value="{alice.team.pk}" autocomplete="off">' in page
    assert alice.post("/api-keys", _post_of(alice.team, KEY)).status_code == 201


def test_a_page_is_offered_only_in_teams_where_the_user_may_open_it(
    alice: Person, other_team: Team, charlie: Person
) -> None:
    hook = create_endpoint(team=other_team, creator=charlie.user, url="https://example.com/hook", kinds=("ping",))
    path = f"/webhooks/{hook.public_id}"
    assert "belongs to your team" in alice.get(path).content.decode()
    Membership.objects.filter(team=other_team, user=alice.user).update(role=Role.VIEWER)
    response = alice.get(path)
    assert response.status_code == 404
    assert "belongs to your team" not in response.content.decode()
