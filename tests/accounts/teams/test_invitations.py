"""Invitations: for people with and without an account, single use, revocable, with all error cases."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Membership, Team, User
from accounts.roles import Role
from accounts.teams.invitations import is_for
from tests.support.people import PASSWORD, Person, make_user, sign_in
from tests.support.teams import link_in_mail, make_team, member_of, role_of, text_of

NEW = "nora@example.com"


@pytest.fixture
def team(alice: Person) -> Team:
    return make_team(alice.user, adam=Role.ADMIN, mo=Role.MEMBER, vera=Role.VIEWER)


def send(by: Person, email: str = NEW, role: str = "member", **more: Any) -> Any:
    return by.post("/team", {"email": email, "role": role, "days": "7", **more})


@pytest.fixture
def link(team: Team) -> str:
    """The link of an invitation to Nora, who has no account."""
    assert send(member_of(team, "alice")).status_code == 302
    return link_in_mail()


def test_content_of_the_email(link: str) -> None:
    (message,) = mail.outbox
    assert message.to == [NEW]
    assert message.subject == "alice@example.com invites you to Studio on Mutoscope"
    assert "role: Member" in message.body
    assert link in message.body
    assert NEW in message.body
    assert bytes(Invitation.objects.get().secret_sha256) not in link.encode()


def test_language_of_the_email(team: Team) -> None:
    owner = member_of(team, "alice")
    owner.client.post("/language", {"language": "zh-hans"})
    send(owner)
    assert "邀请你加入" in mail.outbox[-1].subject
    assert "加入" in mail.outbox[-1].body
    make_user("eve@example.com")
    User.objects.filter(email="eve@example.com").update(language="en")
    send(owner, "eve@example.com")
    assert "invites you to Studio" in mail.outbox[-1].subject


def test_a_line_break_in_a_name_does_not_become_a_header(team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(name="Studio\nBcc: x@example.com")
    send(member_of(team, "alice"))
    assert mail.outbox[-1].recipients() == [NEW]
    assert "\n" not in mail.outbox[-1].subject


def test_a_line_break_in_a_name_adds_no_line_to_the_email(team: Team) -> None:
    owner = member_of(team, "alice")
    owner.post("/team/settings", {"name": "Studio\n\nSign in at https://evil.example"})
    send(owner)
    assert "\nSign in" not in str(mail.outbox[-1].body)
    assert "to the team Studio Sign in at" in str(mail.outbox[-1].body)


def sign_up(client: Client, link: str) -> Any:
    """Sign up, starting at the invitation's link, and return the page of the link."""
    page = client.get(link).content.decode()
    href = re.search(r'href="(/accounts/signup/\?[^"]+)"', page)
    assert href
    form = client.get(href[1].replace("&amp;", "&")).content.decode()
    assert f'value="{NEW}"' in form
    back = re.search(r'name="next"\s+value="([^"]+)"', form)
    assert back
    client.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD, "next": back[1]}, follow=True)
    code = re.search(r"^ {4}(\S+)$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code
    return client.post("/accounts/confirm-email/", {"code": code[1]}, follow=True)


@pytest.mark.parametrize("mode", ["open", "invite"])
def test_a_person_without_an_account_signs_up_and_joins(
    mode: str, link: str, team: Team, anonymous: Client, settings: Any
) -> None:
    settings.SIGNUP_MODE = mode
    page = text_of(anonymous.get(link))
    assert "alice@example.com invites you to the team Studio, with the role: Member" in page

    response = sign_up(anonymous, link)
    assert response.redirect_chain[-1][0] == link
    assert "Join the team" in text_of(response)
    response = anonymous.post(link, follow=True)
    assert response.redirect_chain[-1][0] == "/history"
    assert "You joined the team Studio" in text_of(response)
    assert role_of(team, "nora") == "member"
    assert Invitation.objects.get().accepted_by == User.objects.get(email=NEW)


def test_only_the_invited_email_address_may_sign_up(link: str, anonymous: Client, settings: Any) -> None:
    settings.SIGNUP_MODE = "invite"
    anonymous.get(link)
    anonymous.post("/accounts/signup/", {"email": "eve@example.com", "password1": PASSWORD}, follow=True)
    assert not User.objects.filter(email="eve@example.com").exists()


def test_a_person_with_an_account_signs_in_and_joins(link: str, team: Team, anonymous: Client) -> None:
    make_user(NEW)
    page = anonymous.get(link).content.decode()
    assert f"/accounts/login/?next={link}" in page
    response = anonymous.post("/accounts/login/", {"login": NEW, "password": PASSWORD, "next": link})
    assert response["Location"] == link
    anonymous.post(link)
    assert role_of(team, "nora") == "member"


def test_a_signed_out_visitor_cannot_join(link: str, team: Team, anonymous: Client) -> None:
    assert "Sign in" in text_of(anonymous.post(link))
    assert Membership.objects.filter(team=team).count() == 4


def test_another_account_is_asked_to_switch(link: str, team: Team, charlie: Person) -> None:
    page = charlie.get(link)
    assert "You are signed in as charlie@example.com" in text_of(page)
    assert "sign in as nora@example.com" in text_of(page)
    assert 'action="/accounts/logout/"' in page.content.decode()
    assert charlie.client.post(link, follow=True).redirect_chain[-1][0] == link
    assert role_of(team, "charlie") is None
    assert Invitation.objects.get().accepted_at is None
    assert charlie.post("/accounts/logout/", {"next": link})["Location"] == link


def test_an_unconfirmed_email_address_cannot_join(link: str, team: Team, charlie: Person) -> None:
    email_address = EmailAddress.objects.create(user=charlie.user, email=NEW, verified=False)
    charlie.post(link)
    assert role_of(team, "charlie") is None
    email_address.verified = True
    email_address.save()
    charlie.post(link)
    assert role_of(team, "charlie") == "member"


def test_all_invalid_links_show_the_same_page(team: Team, charlie: Person) -> None:
    pages = {charlie.get("/join/never-sent"), charlie.get("/join/%00"), charlie.get("/join/%ED%A0%80")}
    owner = member_of(team, "alice")

    def invited() -> str:
        send(owner, "charlie@example.com")
        return link_in_mail()

    used = invited()
    charlie.post(used)
    charlie.get("/")  # shows and clears the message
    pages |= {charlie.get(used), charlie.post(used)}
    Membership.objects.filter(user=charlie.user, team=team).delete()

    withdrawn = invited()
    owner.post(f"/team/invitations/{Invitation.objects.latest('pk').pk}/withdraw")
    pages |= {charlie.get(withdrawn), charlie.post(withdrawn)}

    renewed = invited()
    owner.post(f"/team/invitations/{Invitation.objects.latest('pk').pk}/resend")
    pages |= {charlie.get(renewed), charlie.post(renewed)}
    Invitation.objects.update(expires_at=timezone.now())
    expired = link_in_mail()
    pages |= {charlie.get(expired), charlie.post(expired)}

    closing = invited()
    Team.objects.filter(pk=team.pk).update(deletion_due_at=timezone.now() + timedelta(days=1))
    pages |= {charlie.get(closing), charlie.post(closing)}

    assert {page.status_code for page in pages} == {404}
    texts = {re.sub(r'(csrf\w*|nonce|"X-CSRFToken")[^>]*|value="[^"]*"', "", page.content.decode()) for page in pages}
    assert len(texts) == 1
    assert "This invitation is no longer valid" in texts.pop()
    assert role_of(team, "charlie") is None


def test_resending_renews_the_seven_days(team: Team) -> None:
    owner = member_of(team, "alice")
    owner.post("/team", {"email": NEW, "role": "member"})
    invitation = Invitation.objects.get()
    assert timedelta(days=6, hours=23) < invitation.expires_at - timezone.now() < timedelta(days=7, seconds=1)
    first = link_in_mail()
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        later = member_of(team, "alice")
        assert later.post(f"/team/invitations/{invitation.pk}/resend").status_code == 302
        second = link_in_mail()
        assert Client().get(first).status_code == 404
        assert Client().get(second).status_code == 200


@pytest.mark.parametrize(
    ("by", "role", "status"),
    [
        ("alice", "owner", 302),
        ("adam", "admin", 302),
        ("adam", "owner", 422),
        ("mo", "viewer", 403),
        ("vera", "viewer", 403),
        ("alice", "king", 422),
    ],
)
def test_who_may_invite_with_which_role(by: str, role: str, status: int, team: Team) -> None:
    assert send(member_of(team, by), role=role).status_code == status
    assert Invitation.objects.count() == (status == 302)


@pytest.mark.parametrize("email", ["", "nobody", "a@b\0.com", "x" * 300 + "@example.com"])
def test_an_invalid_email_address_is_rejected(email: str, team: Team) -> None:
    assert send(member_of(team, "alice"), email).status_code == 422
    assert not mail.outbox


def test_members_and_invited_people_cannot_be_invited_again(team: Team) -> None:
    owner = member_of(team, "alice")
    assert "is already a member of the team" in text_of(send(owner, "MO@example.com"))
    send(owner)
    assert "has already been invited" in text_of(send(owner, NEW.upper()))
    assert len(mail.outbox) == 1
    Invitation.objects.update(expires_at=timezone.now())
    assert send(owner).status_code == 302


def test_the_number_of_open_invitations_is_limited(team: Team, settings: Any) -> None:
    settings.MAX_OPEN_INVITATIONS = 2
    owner = member_of(team, "alice")
    responses = [send(owner, f"n{number}@example.com") for number in range(3)]
    assert [response.status_code for response in responses] == [302, 302, 422]
    assert "limit of 2 open invitations" in text_of(responses[-1])


def test_emails_per_team_are_limited(team: Team, settings: Any) -> None:
    settings.INVITATION_RATE_LIMIT = "2/hour"
    owner = member_of(team, "alice")
    responses = [send(owner, f"n{number}@example.com") for number in range(3)]
    assert [response.status_code for response in responses] == [302, 302, 422]
    assert "Too many invitations were sent in a short time. Try again in 60 minutes." in text_of(responses[-1])
    first = Invitation.objects.earliest("pk")
    assert "Too many" in text_of(owner.client.post(f"/team/invitations/{first.pk}/resend", follow=True))
    assert len(mail.outbox) == 2


def test_emails_per_recipient_are_limited(team: Team, charlie: Person, settings: Any) -> None:
    settings.INVITATION_RATE_LIMIT_PER_EMAIL = "1/hour"
    assert send(member_of(team, "alice")).status_code == 302
    assert send(charlie).status_code == 422
    assert len(mail.outbox) == 1


def test_an_unreachable_mail_server_is_reported(team: Team, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    response = member_of(team, "alice").client.post("/team", {"email": NEW, "role": "member"}, follow=True)
    assert "The email could not be sent" in text_of(response)
    assert NEW in text_of(response)


def test_invitations_of_other_teams_are_not_found(link: str, charlie: Person, team: Team) -> None:
    invitation = Invitation.objects.get()
    for verb in ("resend", "withdraw"):
        for key in (invitation.pk, 10**9, 10**30):
            assert charlie.post(f"/team/invitations/{key}/{verb}").status_code == 404
        assert member_of(team, "mo").post(f"/team/invitations/{invitation.pk}/{verb}").status_code == 403
        assert Client().post(f"/team/invitations/{invitation.pk}/{verb}").status_code == 302
    assert NEW not in text_of(charlie.get("/team"))
    invitation.refresh_from_db()
    assert invitation.revoked_at is None


def test_a_member_keeps_the_role(team: Team) -> None:
    mo = User.objects.get(email="mo@example.com")
    EmailAddress.objects.create(user=mo, email=NEW, verified=True)
    EmailAddress.objects.filter(user=mo, email=NEW).update(verified=False)
    send(member_of(team, "alice"), role="viewer")
    EmailAddress.objects.filter(user=mo, email=NEW).update(verified=True)
    assert sign_in(mo, team).post(link_in_mail()).status_code == 302
    assert role_of(team, "mo") == "member"


def test_an_invitation_is_for_one_email_address_in_any_spelling(team: Team) -> None:
    owner = member_of(team, "alice")
    assert send(owner, "nora@münchen.example").status_code == 302
    assert "has already been invited" in text_of(send(owner, "NORA@xn--mnchen-3ya.example"))
    mike = make_user("mia@mike.example")
    assert send(owner, "mia@m\u0131ke.example").status_code == 302
    assert not is_for(Invitation.objects.get(email="mia@xn--mke-jua.example"), mike)
