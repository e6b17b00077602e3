"""Claims of a worker with several models: which job it takes, and when it loads another model."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team, User
from accounts.quota.models import Plan
from accounts.teams.services import ensure_personal_team
from common.ids import new_id
from jobs.models import Job, Pool, Worker
from jobs.queue.claim import ModelSwap, claim_job_or_swap
from jobs.queue.residency import Residency
from tests.support.simulated_worker import SimulatedWorker

pytestmark = pytest.mark.django_db

MODELS = ("camera", "scripted")
Queue = Callable[..., Job]


@pytest.fixture
def teams() -> list[Team]:
    users = [User.objects.create_user(f"team{number}@example.com") for number in range(4)]
    created = [ensure_personal_team(user=user) for user in users]
    Plan.objects.update(max_running=1_000)
    return created


@pytest.fixture
def queue() -> Queue:
    """Queues a job of a team, without its credits and files."""

    def make(team: Team, model: str, credits: int = 10, **columns: Any) -> Job:  # noqa: A002 (the name of the unit)
        size = {"width": 64, "height": 64, "num_frames": 8, "fps": 8, "steps": 10, "seed": 1, "resolution": "256p"}
        job = Job(team=team, model=model, pool="cpu", quoted_credits=credits, **size, **columns)
        job.save(force_insert=True)
        return job

    return make


def claim(residency: Residency, *, models: Sequence[str] = MODELS, worker: uuid.UUID | None = None) -> Any:
    return claim_job_or_swap(pool="cpu", worker_id=worker or new_id(), models=models, vram_mb=100, residency=residency)


def other_worker(**columns: Any) -> Worker:
    facts = {"name": "other", "pool": "cpu", "device": "cpu", "vram_total_mb": 100, "state": Worker.State.READY}
    return Worker.objects.create(**{**facts, "last_heartbeat_at": timezone.now(), **columns})


@pytest.mark.parametrize("has_both", [True, False], ids=["teams-with-both", "teams-with-one"])
def test_no_team_waits_longer_than_one_job_and_one_swap(has_both: bool, teams: list[Team], queue: Queue) -> None:
    """Four teams with a backlog of videos of two models: the longest wait, the swaps, and the fair share."""
    rng = random.Random(7)
    for _ in range(12):
        for number, team in enumerate(teams):
            queue(team, MODELS[rng.randrange(2) if has_both else number % 2], credits=rng.choice([5, 10, 20, 60]))
    worker = SimulatedWorker(MODELS, swap_seconds=30)
    starts = list(worker.run())
    assert len(starts) == 48
    assert [start for start in starts if start.first and start.wait > 30 + start.first.credits] == []
    assert worker.swaps <= 16
    served = Counter(start.job.team_id for start in starts for _ in range(start.job.quoted_credits) if start.at < 600)
    assert max(served.values()) - min(served.values()) <= 2 * 60


def test_the_loaded_model_goes_first_until_a_video_of_another_one_is_due(teams: list[Team], queue: Queue) -> None:
    """A video is overtaken as long as it takes itself, and then its model is loaded and serves it."""
    residency = Residency("camera")
    long = queue(teams[0], "scripted", credits=20)
    short = [queue(teams[1], "camera", credits=10) for _ in range(4)]
    assert [claim(residency), claim(residency)] == short[:2]
    assert Pool.objects.get().virtual_time == 0  # the video that was overtaken keeps its place
    assert claim(residency) == ModelSwap("scripted")
    residency.load("scripted")
    assert claim(residency) == long
    assert claim(residency) == ModelSwap("camera")


def test_a_flood_does_not_overtake_a_late_team(teams: list[Team], queue: Queue) -> None:
    residency = Residency("camera")
    for _ in range(5):
        queue(teams[0], "camera")
    claim(residency)
    late = queue(teams[1], "scripted")
    assert claim(residency) == ModelSwap("scripted")
    residency.load("scripted")
    assert claim(residency) == late


def test_a_model_without_videos_is_replaced_at_once(teams: list[Team], queue: Queue) -> None:
    assert claim(Residency("camera")) is None
    queue(teams[0], "scripted", credits=1)
    assert claim(Residency("camera")) == ModelSwap("scripted")
    assert claim(Residency(None)) == ModelSwap("scripted")
    assert claim(Residency("camera"), models=["camera"]) is None


def test_a_model_that_was_loaded_serves_a_video_before_the_next_swap(teams: list[Team], queue: Queue) -> None:
    residency = Residency()
    residency.load("camera")
    queue(teams[0], "scripted", credits=1)
    own = queue(teams[1], "camera", credits=60)
    assert claim(residency) == own
    queue(teams[1], "camera", credits=1)
    assert claim(residency) == ModelSwap("scripted")


def test_a_worker_with_one_model_runs_its_videos_in_the_fair_order(teams: list[Team], queue: Queue) -> None:
    jobs = [queue(team, "camera") for team in teams]
    residency = Residency("camera")
    assert [claim(residency, models=["camera"]) for _ in range(5)] == [*jobs, None]


@pytest.mark.parametrize(
    ("columns", "waits"),
    [
        ({"model": "scripted"}, True),
        ({"loading_model": "scripted", "state": Worker.State.LOADING}, True),
        ({"model": "scripted", "state": Worker.State.BUSY}, False),
        ({"model": "scripted", "vram_total_mb": 50}, False),
        ({"model": "scripted", "drain_requested_at": timezone.now()}, False),
        ({"model": "scripted", "last_heartbeat_at": timezone.now() - timedelta(minutes=1)}, False),
        ({"model": "scripted", "pool": "gpu"}, False),
        ({"model": "camera"}, False),
    ],
    ids=["ready", "loading", "busy", "small", "draining", "dead", "other-pool", "other-model"],
)
def test_a_worker_leaves_a_video_to_one_that_is_ready_for_its_model(
    columns: dict[str, Any], waits: bool, teams: list[Team], queue: Queue
) -> None:
    other_worker(**columns)
    queue(teams[0], "scripted", vram_mb=80)
    assert claim(Residency("camera")) == (None if waits else ModelSwap("scripted"))
    own = queue(teams[1], "camera", credits=60)
    assert claim(Residency("camera")) == (own if waits else ModelSwap("scripted"))


def test_the_row_of_a_worker_says_which_model_it_loads(teams: list[Team], queue: Queue) -> None:
    """Two idle workers do not both load the model of one video."""
    workers = [other_worker(name=f"gpu-{number}", model="camera") for number in range(2)]
    queue(teams[0], "scripted")
    first, second = (claim(Residency("camera"), worker=worker.pk) for worker in workers)
    assert (first, second) == (ModelSwap("scripted"), None)
    assert Worker.objects.get(pk=workers[0].pk).loading_model == "scripted"
