"""Impersonation: shown in a banner, recorded, limited to an hour, and without access to secrets."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Invitation, Team
from portal.admin.models import Impersonation
from tests.support.administrators import run_action
from tests.support.people import Person


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
        (Verb.IMPERSONATION_ENDED, adele.user, str(alice.user.pk)),
    ]


def test_changes_during_an_impersonation_are_logged_with_both_names(adele: Person, alice: Person) -> None:
    start(adele, alice)
    Team.objects.filter(pk=alice.team.pk).update(name="before")
    adele.post("/language", {"language": "zh-hans"})
    adele.post("/team/settings", {"name": "Renamed meanwhile"})
    row = AuditEntry.objects.filter(impersonator=adele.user, verb=Verb.UPDATE).first()
    assert row is not None
    assert (row.actor, row.impersonator) == (alice.user, adele.user)


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
