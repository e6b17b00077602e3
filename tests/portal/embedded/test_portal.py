"""The workers that `manage.py up` starts, and what it does after a kill -9 of everything."""

from datetime import timedelta

from accounts.models import User
from accounts.quota.services import reserve
from accounts.teams.services import provision_team
from common.clock import DatabaseNow
from common.ids import new_id
from jobs.models import Job, Worker
from jobs.queue.reconcile import recover_expired_leases
from jobs.states import State
from portal.embedded.portal import _worker_commands, release_workers


def test_an_interrupted_job_is_queued_at_once(db: None) -> None:
    team = provision_team(name="t", owner=User.objects.create_user("a@example.com"))
    texts = {"model": "camera", "prompt": "p", "resolution": "512p", "output_format": "mp4", "source_key": "s"}
    numbers = {"width": 64, "height": 64, "num_frames": 8, "fps": 8, "steps": 1, "guidance_scale": 1.0, "seed": 1}
    job = Job.objects.create(
        team=team,
        state=State.IN_PROGRESS,
        attempt=1,
        lease_owner=new_id(),
        lease_until=DatabaseNow() + timedelta(seconds=30),
        quoted_credits=1,
        pool="cpu",
        **texts,
        **numbers,
    )
    reserve(usage_key=job.usage_key, job_id=job.pk, credits=1)

    Worker.objects.create(id=new_id(), name="killed", pool="cpu", model="camera", last_heartbeat_at=DatabaseNow())

    release_workers()
    recover_expired_leases()

    job.refresh_from_db()
    assert (job.state, job.crash_count) == (State.QUEUED, 1)
    assert not Worker.objects.exists()


def test_models_that_need_the_gpu_share_one_worker() -> None:
    commands = _worker_commands(["i2vgen-xl", "camera", "wan-ti2v-5b"])
    assert list(commands.values()) == [
        ["gpuworker", "--models", "i2vgen-xl,wan-ti2v-5b"],
        ["gpuworker", "--models", "camera"],
    ]
    assert list(_worker_commands(["camera"])) == ["camera"]
