"""Impersonation: shown in a banner, recorded, limited to an hour, and denied where a view does not allow it.

`tests/isolation/test_impersonation.py` has every URL.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.test import AsyncClient
from django.utils import timezone

from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Invitation, Team, User
from accounts.people.services import deactivate_user, set_staff
from accounts.teams.services import provision_team
from jobs.models import Job
from jobs.states import State
from portal.admin.models import Impersonation
from tests.support.administrators import run_action
from tests.support.people import PASSWORD, Person


def start(administrator: Person, person: Person, reason: str = "a ticket") -> None:
    run_action(administrator, f"/admin/accounts/user/{person.user.pk}/view_as/", reason=reason)


def test_the_portal_is_shown_as_the_person_with_a_banner_until_stopped(adele: Person, alice: Person) -> None:
    before = adele.client.cookies["sessionid"].value
    start(adele, alice)
    assert adele.client.cookies["sessionid"].value != before
    page = adele.get("/history").content.decode()
    assert "adele@example.com is impersonating" in " ".join(page.split())
    assert "alice@example.com" in page
    assert adele.get("/admin/").status_code == 403
    during = adele.client.cookies["sessionid"].value
    assert adele.post("/desk/stop-viewing")["Location"] == "/admin/"
    assert adele.client.cookies["sessionid"].value != during
    assert "is impersonating" not in adele.get("/history").content.decode()
    assert adele.get("/admin/").status_code == 200
    impersonation = Impersonation.objects.get()
    assert (impersonation.administrator, impersonation.person, impersonation.reason) == (
        adele.user,
        alice.user,
        "a ticket",
    )
    assert impersonation.ended_at is not None
    verbs = AuditEntry.objects.filter(verb__startswith="impersonation").order_by("id")
    assert [(row.verb, row.actor, row.row_id) for row in verbs] == [
        (Verb.IMPERSONATION_BEGAN, adele.user, str(alice.user.pk)),
        (Verb.IMPERSONATION_DENIED, alice.user, ""),
        (Verb.IMPERSONATION_ENDED, adele.user, str(alice.user.pk)),
    ]


def entries(*verbs: Verb) -> list[tuple[Any, ...]]:
    """Return the entries of these kinds: kind, both people, and the request."""
    rows = AuditEntry.objects.filter(verb__in=verbs).order_by("id")
    return [(row.verb, row.actor, row.impersonator, *(new for _, new in row.changes.values())) for row in rows]


def test_what_an_administrator_does_is_logged_with_both_names(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    job = make_job(alice)
    start(adele, alice)
    adele.post(f"/videos/{job.public_id}/cancel")
    adele.post(f"/videos/{job.public_id}/delete")
    adele.get("/history")
    job.refresh_from_db()
    assert (job.state, job.deleted_at) == (State.CANCELED, None)
    assert entries(Verb.IMPERSONATION_ACT, Verb.IMPERSONATION_DENIED) == [
        (Verb.IMPERSONATION_ACT, alice.user, adele.user, f"/videos/{job.public_id}/cancel", "POST"),
        (Verb.IMPERSONATION_DENIED, alice.user, adele.user, f"/videos/{job.public_id}/delete", "POST"),
    ]


def test_a_forged_request_does_nothing(adele: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    start(adele, alice)
    adele.client.handler.enforce_csrf_checks = True
    for path in ("/desk/stop-viewing", f"/videos/{make_job(alice).public_id}/cancel", "/account/close"):
        assert "The form has expired" in adele.post(path).content.decode()
    assert Impersonation.objects.get().ended_at is None
    assert entries(Verb.IMPERSONATION_ACT, Verb.IMPERSONATION_DENIED, Verb.IMPERSONATION_ENDED) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "An administrator as alice@example.com sent the request POST /videos/"),
        ("zh-hans", " 发送了请求 POST /videos/"),
    ],
)
def test_the_team_sees_it_in_its_audit_log(
    language: str, text: str, adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    start(adele, alice)
    adele.post(f"/videos/{make_job(alice).public_id}/cancel")
    User.objects.filter(pk=alice.user.pk).update(language=language)
    assert text in alice.get("/team/log", **{"Accept-Language": language}).content.decode()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/language", {"language": "zh-hans"}),
        ("/team/settings", {"name": "Renamed meanwhile"}),
        ("/team/new", {"name": "Another"}),
        ("/team/close", {"name": "x"}),
        ("/account/close", {"email": "alice@example.com"}),
        ("/account/data/export", {}),
        ("/", {"prompt": "x"}),
        ("/no-such-page", {}),
    ],
)
def test_changes_that_are_the_person_s_own_are_denied(
    path: str, data: dict[str, str], adele: Person, alice: Person
) -> None:
    start(adele, alice)
    before = (Team.objects.count(), alice.user.language, Team.objects.get(pk=alice.team.pk).name)
    response = adele.post(path, data)
    assert response.status_code == 403
    assert "impersonation_denied" in response.content.decode()
    alice.user.refresh_from_db()
    assert (Team.objects.count(), alice.user.language, Team.objects.get(pk=alice.team.pk).name) == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/webhooks/job-secret",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/email/",
        "/admin/",
        "/account",
        "/webhooks",
    ],
)
def test_pages_with_credentials_are_forbidden(path: str, adele: Person, alice: Person) -> None:
    start(adele, alice)
    assert adele.get(path).status_code == 403
    assert adele.post(path, {"oldpassword": "x"}).status_code == 403


def test_no_api_key_is_created_during_an_impersonation(adele: Person, alice: Person) -> None:
    start(adele, alice)
    assert adele.get("/api-keys").status_code == 200
    assert adele.post("/api-keys", {"name": "mine", "scopes": ["videos:read"], "expires": "30"}).status_code == 403
    assert not ApiKey.objects.exists()


def test_team_membership_does_not_change_during_an_impersonation(adele: Person, alice: Person) -> None:
    alice.post("/team", {"email": "carl@example.com", "role": "member"})
    invitation = Invitation.objects.get()
    start(adele, alice)
    assert adele.get("/team").status_code == 200
    assert adele.post("/team", {"email": "eve@example.com", "role": "member"}).status_code == 403
    assert adele.post(f"/team/invitations/{invitation.pk}/resend").status_code == 403
    assert adele.post(f"/team/invitations/{invitation.pk}/withdraw").status_code == 403
    assert adele.post("/join/no-such-secret").status_code == 403
    assert adele.post(f"/team/members/{alice.user.pk}", {"role": "viewer"}).status_code == 403
    assert adele.post(f"/team/members/{alice.user.pk}/remove").status_code == 403
    assert list(Invitation.objects.values_list("email", flat=True)) == ["carl@example.com"]


def test_an_impersonation_ends_after_an_hour(adele: Person, alice: Person) -> None:
    start(adele, alice)
    Impersonation.objects.update(started_at=timezone.now() - timedelta(minutes=61))
    assert adele.get("/history")["Location"] == "/admin/"
    assert adele.get("/admin/").status_code == 200
    assert Impersonation.objects.get().ended_at is not None


def test_staff_cannot_be_impersonated_and_a_reason_and_permission_are_required(
    adele: Person, alice: Person, make_staff: Callable[..., Person]
) -> None:
    stan = make_staff("stan@example.com", "accounts.view_user", "accounts.change_user")
    start(adele, stan)
    start(adele, alice, reason=" ")
    start(stan, alice)
    assert not Impersonation.objects.exists()
    may = make_staff("may@example.com", "accounts.view_user", "desk.add_impersonation")
    start(may, alice)
    assert Impersonation.objects.get().administrator == may.user


def test_it_ends_when_the_administrator_is_no_longer_staff(adele: Person, alice: Person) -> None:
    start(adele, alice)
    type(adele.user).objects.filter(pk=adele.user.pk).update(is_staff=False)
    adele.get("/history")
    assert "is impersonating" not in adele.get("/history").content.decode()


@pytest.mark.parametrize(
    ("language", "heading", "button"),
    [
        ("en", "Not available while impersonating a user", "Stop the impersonation"),
        ("zh-hans", "以他人身份查看时不可用", "停止以他人身份查看"),
    ],
)
def test_the_page_says_how_to_stop(language: str, heading: str, button: str, adele: Person, alice: Person) -> None:
    start(adele, alice)
    page = adele.get("/account", **{"Accept-Language": language}).content.decode()
    for text in (heading, button, 'action="/desk/stop-viewing"', "adele@example.com", "alice@example.com"):
        assert text in page


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/videos", ("error", "code")),
        ("/v1/webhooks/job-secret", ("error", "code")),
        ("/replicate/v1/predictions", ("error_type",)),
        ("/fal/queue/mutoscope/camera/requests/vid_1", ("error_type",)),
    ],
)
def test_the_api_says_how_to_stop(path: str, code: tuple[str, ...], adele: Person, alice: Person) -> None:
    start(adele, alice)
    response = adele.get(path)
    found = response.json()
    for name in code:
        found = found[name]
    assert (response.status_code, found) == (403, "impersonation_denied")
    assert "POST /desk/stop-viewing" in response.content.decode()


def test_a_program_that_asks_a_page_for_json_gets_json(adele: Person, alice: Person) -> None:
    start(adele, alice)
    response = adele.get("/account", Accept="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "impersonation_denied")


def test_a_button_of_htmx_reloads_the_page_which_says_why(adele: Person, alice: Person) -> None:
    """htmx shows no page with the status 403."""
    start(adele, alice)
    response = adele.htmx("/gallery/share/pub_1")
    assert (response.status_code, response["HX-Refresh"], response.content) == (403, "true", b"")
    assert "This is not available while you impersonate a user" in adele.get("/history").content.decode()


@pytest.mark.parametrize("path", ["/account/%00", "/join/%00%ff", f"/account?{'x' * 4000}", f"/{'x' * 4000}"])
def test_unusual_urls_are_recorded(path: str, adele: Person, alice: Person) -> None:
    start(adele, alice)
    assert adele.post(path).status_code == 403
    (entry,) = AuditEntry.objects.filter(verb=Verb.IMPERSONATION_DENIED)
    assert len(entry.changes["path"][1]) <= 500


def test_a_key_is_used_as_its_owner_s(adele: Person, alice: Person) -> None:
    """A request to the API with a key ignores cookies. A key that is sent to a page does not hide the impersonation."""
    start(adele, alice)
    response = adele.get("/v1/videos", **adele.headers)
    assert response.status_code == 200
    for name in ("X-API-Key", "Authorization"):
        assert adele.get("/account", **{name: f"Bearer {adele.key}"}).status_code == 403
        assert "is impersonating" in adele.get("/history", **{name: f"Bearer {adele.key}"}).content.decode()
    assert adele.get("/v1/videos", Authorization="Basic eDp5").status_code == 403


def test_the_team_can_be_switched(adele: Person, alice: Person) -> None:
    other = provision_team(name="Another team of hers", owner=alice.user)
    start(adele, alice)
    assert adele.post("/team/switch", {"team": other.pk}).status_code == 302
    assert "Another team of hers" in adele.get("/team").content.decode()
    adele.post("/desk/stop-viewing")
    assert adele.client.session["team"] == adele.team.pk


def test_an_impersonation_is_not_nested(adele: Person, alice: Person, charlie: Person) -> None:
    start(adele, alice)
    start(adele, charlie)
    assert [row.person for row in Impersonation.objects.all()] == [alice.user]
    assert "alice@example.com" in adele.get("/history").content.decode()


def test_a_second_impersonation_ends_the_first_one(adele: Person, alice: Person, charlie: Person) -> None:
    """An administrator with two browsers impersonates one person at a time."""
    first = Person(adele.user, adele.team, adele.new_browser())
    session = first.client.session
    names = ("account_authentication_methods", "account_authentication_methods_user")
    session.update({name: adele.client.session[name] for name in names})
    session.save()
    start(first, alice)
    start(adele, charlie)
    assert first.get("/history")["Location"] == "/admin/"
    assert "charlie@example.com" in adele.get("/history").content.decode()
    assert [(row.person, row.ended_at is None) for row in Impersonation.objects.order_by("pk")] == [
        (alice.user, False),
        (charlie.user, True),
    ]


def make_superuser(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)


@pytest.mark.parametrize(
    "happen",
    [
        lambda user: deactivate_user(user=user),
        lambda user: set_staff(user=user, is_staff=True),
        make_superuser,
    ],
    ids=["deactivated", "staff", "superuser"],
)
def test_a_person_who_may_not_be_impersonated(happen: Callable[[User], object], adele: Person, alice: Person) -> None:
    """Such a person cannot be impersonated, and an impersonation ends when its person becomes one."""
    start(adele, alice)
    happen(alice.user)
    assert adele.get("/history")["Location"] == "/admin/"
    assert Impersonation.objects.get().ended_at is not None
    start(adele, alice)
    assert Impersonation.objects.count() == 1
    assert "is impersonating" not in adele.get("/history").content.decode()


def lose_permission(user: User) -> None:
    user.user_permissions.clear()


def lose_second_factor(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()


def change_password(user: User) -> None:
    user.set_password("another-reel-of-cards")
    user.save()


def be_deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("happen", [lose_permission, lose_second_factor, change_password, be_deactivated])
def test_it_ends_with_the_rights_of_the_administrator(
    happen: Callable[[User], None], make_staff: Callable[..., Person], alice: Person
) -> None:
    stan = make_staff("stan@example.com", "accounts.view_user", "desk.add_impersonation")
    start(stan, alice)
    assert "is impersonating" in stan.get("/history").content.decode()
    happen(stan.user)
    assert stan.get("/history")["Location"] == "/admin/"
    assert "alice@example.com" not in stan.get("/history").content.decode()
    assert Impersonation.objects.get().ended_at is not None
    assert entries(Verb.IMPERSONATION_ENDED) == [(Verb.IMPERSONATION_ENDED, stan.user, None)]


def test_signing_out_signs_the_administrator_out(adele: Person, alice: Person) -> None:
    start(adele, alice)
    page = adele.get("/accounts/logout/").content.decode()
    assert "is impersonating" in page
    adele.post("/accounts/logout/")
    assert adele.get("/history")["Location"].startswith("/accounts/login/")
    assert alice.get("/history").status_code == 200
    verbs = (Verb.IMPERSONATION_ENDED, Verb.SIGN_OUT, Verb.IMPERSONATION_ACT)
    assert [row[:2] for row in entries(*verbs)] == [
        (Verb.IMPERSONATION_ENDED, adele.user),
        (Verb.SIGN_OUT, adele.user),
    ]
    adele.client.login(email="adele@example.com", password=PASSWORD)
    assert "is impersonating" not in adele.get("/history").content.decode()


def test_the_sessions_of_the_person_are_untouched(adele: Person, alice: Person) -> None:
    def state() -> tuple[object, ...]:
        alice.user.refresh_from_db()
        stored = Session.objects.get(pk=alice.cookie)
        browsers = list(UserSession.objects.filter(user=alice.user).values())
        return stored.session_data, stored.expire_date, browsers, alice.user.last_login, alice.user.password

    before = state()
    start(adele, alice)
    adele.get("/history")
    adele.post("/team/switch", {"team": alice.team.pk})
    adele.post("/account/sessions/1/end")
    adele.post("/desk/stop-viewing")
    assert state() == before
    assert "is impersonating" not in alice.get("/history").content.decode()


def test_a_post_after_the_end_is_not_carried_out(adele: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    job = make_job(alice)
    start(adele, alice)
    Impersonation.objects.update(ended_at=timezone.now())
    path = f"/videos/{job.public_id}/cancel"
    assert adele.post(path)["Location"] == path
    job.refresh_from_db()
    assert job.state == State.QUEUED


@pytest.mark.parametrize(
    ("path", "headers", "status", "found"),
    [
        ("/v1/videos/vid_1/events", {}, 403, "impersonation_ended"),
        ("/history", {"Accept": "application/json"}, 403, "impersonation_ended"),
        ("/history/running", {"HX-Request": "true"}, 204, "'HX-Redirect': '/admin/'"),
    ],
)
def test_programs_and_fragments_learn_of_the_end(
    path: str, headers: dict[str, str], status: int, found: str, adele: Person, alice: Person
) -> None:
    start(adele, alice)
    Impersonation.objects.update(ended_at=timezone.now())
    response = adele.get(path, **headers)
    assert response.status_code == status
    assert found in response.content.decode() + str(dict(response.headers))
    assert adele.get("/history").status_code == 200


def test_an_event_stream_does_not_outlast_the_impersonation(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    """It sends the present events and ends. The page connects again, and each request is checked."""
    job = make_job(alice)
    start(adele, alice)

    async def read(person: Person) -> Any:
        client = AsyncClient()
        client.cookies["sessionid"] = person.cookie
        return await client.get(f"/v1/videos/{job.public_id}/events")

    response = async_to_sync(read)(adele)
    assert not response.streaming
    assert b'"status":"queued"' in response.content
