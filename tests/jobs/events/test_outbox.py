"""Events are dispatched at once if a webhook or a batch may wait for them, and otherwise at the task's interval."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from common.messages import Message
from common.redis_client import redis_client
from jobs.models import Job, JobEvent
from jobs.queue.cancel import cancel_job
from jobs.queue.finish import confirm_cancel, expire_job, fail_job, requeue_job
from jobs.queue.retry import RETRIED, retry_job
from jobs.states import TERMINAL, State
from jobs.webhooks.models import EventKind
from jobs.webhooks.payloads import PAYLOAD_FORMATS
from tests.support import videos
from tests.support.videos import claim_next

pytestmark = pytest.mark.django_db(transaction=True)


def take_entries() -> bool:
    """Whether the task was enqueued since the last call."""
    return redis_client().delete("rq:queue:webhooks") == 1


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert expire_job(job=job)


def fail(job: Job) -> None:
    assert fail_job(fence=job.fence, code="engine_broken", message=Message("Broken."))


@pytest.mark.parametrize("finish", [cancel_job, expire], ids=["canceled", "expired"])
def test_a_job_that_never_starts_is_announced_when_it_is_finished(
    finish: Callable[..., None], submit: Callable[..., Job]
) -> None:
    take_entries()
    job = submit()
    assert not take_entries()
    finish(job=job)
    assert take_entries()


@pytest.mark.parametrize(
    "finish",
    [videos.complete, fail, lambda job: confirm_cancel(fence=job.fence)],
    ids=["completed", "failed", "canceled"],
)
def test_a_started_job_is_announced_when_it_starts_and_when_it_is_finished(
    finish: Callable[[Job], object], submit: Callable[..., Job]
) -> None:
    submit()
    take_entries()
    job = claim_next()
    assert take_entries()
    assert requeue_job(fence=job.fence)
    assert not take_entries()
    job = claim_next()
    take_entries()
    finish(job)
    assert take_entries()


def test_what_nobody_waits_for_is_not_announced(submit: Callable[..., Job]) -> None:
    submit()
    job = claim_next()
    fail(job)
    take_entries()
    retry_job(job=job)
    assert not take_entries()
    kinds = set(JobEvent.objects.values_list("kind", flat=True))
    assert kinds == {"queued", "started", "failed", RETRIED}
    receivable = {*EventKind.values, *(kind for known in PAYLOAD_FORMATS.values() for kind in known.kinds)}
    assert {f"video.{kind}" for kind in ("started", *TERMINAL)} <= receivable
    assert not {f"video.{kind}" for kind in (State.QUEUED, RETRIED)} & receivable
