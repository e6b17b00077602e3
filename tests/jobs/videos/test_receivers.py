"""A member who loses access loses the jobs in that team. A deleted team loses all its videos."""

from collections.abc import Callable
from typing import Any

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Membership
from accounts.quota.models import LedgerEntry
from accounts.roles import Role
from accounts.teams.access import delete_team, revoke_access, revoke_access_everywhere
from jobs.models import Job
from jobs.queue.finish import requeue_job
from jobs.states import State
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import claim_next


def state(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


def test_only_the_keys_and_jobs_of_the_removed_member_end(
    alice: Person, charlie: Person, submit: Callable[..., Job], body: Callable[..., dict[str, Any]]
) -> None:
    running = submit()
    assert claim_next().pk == running.pk
    queued = submit()
    Membership.objects.create(team=alice.team, user=charlie.user, role=Role.MEMBER)
    _, key = create_api_key(team=alice.team, creator=charlie.user, name="in the team")
    response = ApiClient({"X-API-Key": key}).post("/v1/videos", body())
    theirs = Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))

    revoke_access(team=alice.team, user=alice.user)

    assert (state(queued), state(running), state(theirs)) == (State.CANCELED, State.IN_PROGRESS, State.QUEUED)
    fence = Job.objects.get(pk=running.pk).fence
    assert requeue_job(fence=fence)
    assert state(running) == State.CANCELED
    assert LedgerEntry.objects.filter(kind="release", job_id__in=[queued.pk, running.pk]).count() == 2
    assert ApiClient(alice.headers).get("/v1/videos").json()["error"]["code"] == "revoked_key"
    assert ApiClient({"X-API-Key": key}).get("/v1/videos").status_code == 200


def test_access_is_revoked_in_every_team(alice: Person, charlie: Person) -> None:
    Membership.objects.create(team=alice.team, user=charlie.user, role=Role.MEMBER)
    create_api_key(team=alice.team, creator=charlie.user, name="in the other team")
    assert alice.key
    assert charlie.key
    revoke_access_everywhere(user=charlie.user)
    assert set(ApiKey.objects.filter(revoked_at=None).values_list("creator", flat=True)) == {alice.user.pk}


def test_a_deleted_team_loses_its_videos_and_members(alice: Person, submit: Callable[..., Job]) -> None:
    job = submit()
    assert delete_team(team=alice.team)
    assert not delete_team(team=alice.team)
    assert not Membership.objects.filter(team=alice.team).exists()
    assert ApiClient(alice.headers).get("/v1/videos").status_code == 401
    assert not Job.objects.for_team(alice.team).exists()
    assert state(job) == State.CANCELED
    assert alice.wallet.reserved == 0
