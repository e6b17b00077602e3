"""Roles, caps, leaving, removing and transferring ownership: permissions and consequences."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.quota.models import LedgerEntry, Wallet
from accounts.roles import Role, Scope
from accounts.teams.invitations import invite
from common.ids import new_id
from jobs.galleries.models import Collection, ShareLink
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import requeue_job
from jobs.states import State
from jobs.webhooks.services import create_endpoint
from tests.support.api_client import ApiClient
from tests.support.images import image_upload
from tests.support.people import Person
from tests.support.teams import make_team, member_of, role_of, text_of

ROLES = {"adam": Role.ADMIN, "anna": Role.ADMIN, "mo": Role.MEMBER, "vera": Role.VIEWER}


@pytest.fixture
def team(alice: Person) -> Team:
    return make_team(alice.user, **ROLES)


def change(by: Person, name: str, role: str, **caps: Any) -> Any:
    user = User.objects.get(email=f"{name}@example.com")
    return by.post(f"/team/members/{user.pk}", {"role": role, **caps})


def remove(by: Person, name: str) -> Any:
    return by.post(f"/team/members/{User.objects.get(email=f'{name}@example.com').pk}/remove")


def test_all_members_see_the_members_and_managers_see_more(team: Team) -> None:
    for name in ("alice", "adam", "mo", "vera"):
        page = text_of(member_of(team, name).get("/team"))
        assert "anna@example.com" in page
        assert ("Invite somebody" in page) == (name in {"alice", "adam"})
        assert ("Last signed in" in page) == (name in {"alice", "adam"})


@pytest.mark.parametrize(
    ("by", "target", "role", "status"),
    [
        ("alice", "mo", "owner", 302),
        ("alice", "adam", "viewer", 302),
        ("adam", "mo", "admin", 302),
        ("adam", "anna", "member", 302),
        ("adam", "adam", "viewer", 302),
        ("adam", "mo", "owner", 422),
        ("adam", "adam", "owner", 422),
        ("adam", "alice", "viewer", 403),
        ("mo", "vera", "member", 403),
        ("mo", "mo", "admin", 403),
        ("vera", "mo", "viewer", 403),
        ("alice", "mo", "king", 422),
        ("alice", "alice", "admin", 422),
    ],
)
def test_who_may_change_which_role(by: str, target: str, role: str, status: int, team: Team) -> None:
    before = role_of(team, target)
    assert change(member_of(team, by), target, role).status_code == status
    assert role_of(team, target) == (role if status == 302 else before)


def test_the_last_owner_cannot_leave_or_be_demoted(team: Team, alice: Person) -> None:
    member = member_of(team, "alice")
    assert "The team needs at least one owner" in text_of(change(member, "alice", "member"))
    assert "The team needs at least one owner" in text_of(member.client.post("/team/leave", follow=True))
    assert role_of(team, "alice") == "owner"
    change(member, "adam", "owner")
    member.post("/team/leave")
    assert role_of(team, "alice") is None
    assert alice.team.name in member.get("/").content.decode()


@pytest.mark.parametrize(("by", "target", "status"), [("adam", "alice", 403), ("mo", "vera", 403), ("vera", "mo", 403)])
def test_removing_needs_the_right_and_a_role_that_covers(by: str, target: str, status: int, team: Team) -> None:
    assert remove(member_of(team, by), target).status_code == status
    assert role_of(team, target)


def test_foreign_and_unknown_members_are_not_found(team: Team, charlie: Person) -> None:
    member = member_of(team, "alice")
    for user_id in (charlie.user.pk, 10**7, 10**30):
        responses = [
            member.get(f"/team/members/{user_id}"),
            member.post(f"/team/members/{user_id}", {"role": "viewer"}),
            member.post(f"/team/members/{user_id}/remove"),
        ]
        assert [response.status_code for response in responses] == [404] * 3
    assert charlie.get(f"/team/members/{User.objects.get(email='mo@example.com').pk}").status_code == 404


def test_the_owner_of_a_personal_team_cannot_change(alice: Person, mia: Person) -> None:
    change(alice, "mia", "owner")
    assert "Its owner cannot change" in text_of(mia.client.post(f"/team/members/{alice.user.pk}/remove", follow=True))
    assert change(mia, "alice", "viewer").status_code == 422
    alice.post("/team/leave")
    assert role_of(alice.team, "alice") == "owner"


def test_caps_are_saved_and_invalid_ones_rejected(team: Team) -> None:
    member = member_of(team, "adam")
    assert change(member, "mo", "member", credits_per_month="500", videos_per_day="0").status_code == 302
    mo = Membership.objects.get(team=team, user__email="mo@example.com")
    assert (mo.credits_per_month, mo.videos_per_day) == (500, 0)
    assert "500 credits per month" in text_of(member.get("/team"))
    for wrong in ("-1", "many", "9" * 30, "1.5", "\0"):
        assert change(member, "mo", "member", credits_per_month=wrong).status_code == 422
    change(member, "mo", "member", credits_per_month="", videos_per_day="")
    mo.refresh_from_db()
    assert (mo.credits_per_month, mo.videos_per_day) == (None, None)


def jobs_of(person: Person) -> tuple[Job, Job]:
    """Return a running and a queued job."""
    for _ in range(2):
        assert person.post("/", {"prompt": "zoom", "image": image_upload(), "preset": "fast"}).status_code == 302
    running = claim_job(pool="cpu", worker_id=new_id(), models=["camera"], vram_mb=0)
    assert running
    return running, Job.objects.get(user=person.user, state=State.QUEUED)


@pytest.mark.parametrize("how", ["removed", "left", "viewer"])
def test_losing_access_ends_keys_and_jobs_at_once(how: str, team: Team) -> None:
    mo = member_of(team, "mo")
    running, queued = jobs_of(mo)
    _, secret = create_api_key(team=team, creator=mo.user, name="k", scopes=[Scope.VIDEOS_READ, Scope.VIDEOS_WRITE])
    _, reading = create_api_key(team=team, creator=mo.user, name="r", scopes=[Scope.VIDEOS_READ])
    other = create_api_key(team=team, creator=member_of(team, "adam").user, name="other")[0]

    if how == "removed":
        assert remove(member_of(team, "alice"), "mo").status_code == 302
    elif how == "left":
        assert mo.post("/team/leave").status_code == 302
    else:
        assert change(member_of(team, "alice"), "mo", "viewer").status_code == 302

    queued.refresh_from_db()
    assert queued.state == State.CANCELED
    assert requeue_job(fence=running.fence)
    running.refresh_from_db()
    assert (running.state, running.charged_credits) == (State.CANCELED, None)
    assert not LedgerEntry.objects.filter(kind="settle").exists()
    assert Wallet.objects.get(team=team).reserved == 0
    client = mo.client.__class__()
    assert client.get("/v1/videos", headers={"X-API-Key": secret}).status_code == 401
    status = client.get("/v1/videos", headers={"X-API-Key": reading}).status_code
    assert status == (200 if how == "viewer" else 401)
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None
    page = mo.get(f"/videos/{running.public_id}")
    assert page.status_code == (200 if how == "viewer" else 404)


def test_the_session_of_a_removed_member_falls_back_to_the_personal_team(team: Team) -> None:
    mo = member_of(team, "mo")
    assert "Studio" in text_of(mo.get("/team"))
    remove(member_of(team, "alice"), "mo")
    page = mo.get("/team")
    assert page.status_code == 200
    assert "Studio" not in text_of(page)
    assert "adam@example.com" not in text_of(page)


def test_no_job_can_be_submitted_after_the_removal(team: Team, make_job: Callable[..., Job]) -> None:
    """A submission that authenticated before the removal is rejected in its own transaction."""
    from accounts.auth.principals import Principal
    from accounts.roles import SCOPES_OF_ROLE
    from common.errors import Forbidden
    from jobs.videos.serializers import VideoRequestSerializer
    from jobs.videos.services import submit_video
    from jobs.videos.submission import build_request

    mo = member_of(team, "mo")
    principal = Principal(team=team, user=mo.user, role=Role.MEMBER, scopes=SCOPES_OF_ROLE[Role.MEMBER])
    checked = VideoRequestSerializer(data={"prompt": "zoom", "image": image_upload()})
    assert checked.is_valid()
    remove(member_of(team, "alice"), "mo")
    with pytest.raises(Forbidden):
        submit_video(principal=principal, build=lambda: build_request(checked.validated_data, team=team))
    assert not Job.objects.exists()
    assert Wallet.objects.get(team=team).reserved == 0


def test_a_lower_role_withdraws_invitations_beyond_it(team: Team) -> None:
    alice, adam = (User.objects.get(email=f"{name}@example.com") for name in ("alice", "adam"))
    for number, role in enumerate([Role.ADMIN, Role.VIEWER]):
        invite(team=team, actor=adam, email=f"new{number}@example.com", role=role, days=7)
    invite(team=team, actor=alice, email="other@example.com", role=Role.OWNER, days=7)
    change(member_of(team, "alice"), "adam", "member")
    assert list(Invitation.objects.filter(revoked_at=None).values_list("email", flat=True)) == ["other@example.com"]


def test_ownership_is_transferred(team: Team) -> None:
    member = member_of(team, "alice")
    user = User.objects.get(email="mo@example.com")
    invite(team=team, actor=member.user, email="o@example.com", role=Role.OWNER, days=7)
    invite(team=team, actor=member.user, email="m@example.com", role=Role.MEMBER, days=7)
    assert member.post("/team/hand-over", {"user": user.pk}).status_code == 302
    assert (role_of(team, "mo"), role_of(team, "alice")) == ("owner", "admin")
    assert list(Invitation.objects.filter(revoked_at=None).values_list("email", flat=True)) == ["m@example.com"]


def test_rejected_transfers_of_ownership(team: Team, alice: Person, mia: Person, charlie: Person) -> None:
    member = member_of(team, "alice")
    mo = User.objects.get(email="mo@example.com")
    assert member_of(team, "adam").post("/team/hand-over", {"user": mo.pk}).status_code == 403
    for invalid in ("", "x", "²", "\0", "9" * 5000, alice.user.pk):
        assert "Choose another member" in text_of(member.client.post("/team/hand-over", {"user": invalid}, follow=True))
    assert member.post("/team/hand-over", {"user": charlie.user.pk}).status_code == 404
    assert member.post("/team/hand-over", {"user": 10**30}).status_code == 404
    User.objects.filter(pk=mo.pk).update(is_active=False)
    assert "Choose another member" in text_of(member.client.post("/team/hand-over", {"user": mo.pk}, follow=True))
    assert "ownership of a personal team cannot be transferred" in text_of(
        alice.client.post("/team/hand-over", {"user": mia.user.pk}, follow=True)
    )
    assert (role_of(team, "alice"), role_of(alice.team, "alice")) == ("owner", "owner")


def test_the_page_of_a_member_lists_what_ends_with_the_membership(team: Team, body: Callable[..., Any]) -> None:
    adam, alice = member_of(team, "adam"), member_of(team, "alice")
    page = f"/team/members/{adam.user.pk}"
    assert "These end together with the membership" not in text_of(alice.get(page))
    _, key = create_api_key(team=team, creator=adam.user, name="theirs")
    ApiClient({"X-API-Key": key}).post("/v1/videos", body())
    create_endpoint(team=team, creator=adam.user, url="https://example.com/hook", kinds=["video.completed"])
    for name in ("Best", "Worst"):
        collection = Collection.objects.create(team=team, name=name)
        ShareLink.objects.create(team=team, collection=collection, creator=adam.user, token=name)
    text = text_of(alice.get(page))
    for sentence in (
        "1 API key is revoked.",
        "1 unfinished video is canceled without a charge.",
        "2 share links are revoked.",
        "1 webhook is disabled. An owner or admin can enable it again.",
    ):
        assert sentence in text
