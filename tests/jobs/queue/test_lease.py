"""The renewal of a lease, which also stores what the attempt knows."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from inference.generation import ExternalJob
from jobs.models import Job
from jobs.queue.lease import LeaseRenewal, renew_lease
from tests.support.videos import claim_next

pytestmark = pytest.mark.django_db


def stored(job: Job) -> tuple[str | None, int]:
    job.refresh_from_db()
    return job.external_id, job.external_resends


def test_the_job_of_another_server_is_stored_and_kept(submit: Callable[..., Job]) -> None:
    submit()
    job = claim_next()
    assert stored(job) == (None, 0)
    for external_job in (ExternalJob("first"), ExternalJob("second", resends=1), None):
        assert renew_lease(fence=job.fence, steps_done=1, external_job=external_job).held
    assert stored(job) == ("second", 1)


def test_an_attempt_that_was_fenced_off_stores_nothing(submit: Callable[..., Job]) -> None:
    submit()
    job = claim_next()
    lost = replace(job.fence, attempt=job.attempt - 1)
    assert renew_lease(fence=lost, steps_done=1, external_job=ExternalJob("lost")) == LeaseRenewal(held=False)
    assert stored(job) == (None, 0)
