"""Figures of the job system: `python tests/benchmarks/jobs.py`, or with names of its functions, such as `claim busy`.

Two noisy cores share the work with PostgreSQL and the workers: read medians and ratios. Results of record: RESULTS.md.
"""

import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from portal_process import benchmark_site, engine_of, worker

SCRIPTED = ("--model", "scripted")


def claim() -> None:
    """Time of one claim with 25,000 and 250,000 jobs queued by 50 teams."""
    from accounts.quota.models import Plan

    teams = [team_of(f"claim{number}") for number in range(50)]
    Plan.objects.update(max_running=1_000)
    queued = 0
    for depth in (25_000, 250_000):
        fill(teams, depth - queued)
        queued = depth
        analyse()
        report(f"claim with {depth:,} queued", time_claims(200), "ms")


def history() -> None:
    """Time of one claim where a single team has a million closed jobs and 1,000 queued ones."""
    from django.db import connection

    from accounts.quota.models import Plan
    from jobs.models import Job

    team = team_of("history")
    Plan.objects.update(max_running=1_000)
    fill([team], 1)
    closed = {
        # In the order of time, like UUIDv7.
        "id": "(lpad(to_hex(number), 12, '0') || '70008000000000000000')::uuid",
        "state": "'completed'",
        "result_key": "'x'",
        "charged_credits": "1",
        "finished_at": "now()",
    }
    columns = [field.column for field in Job._meta.concrete_fields]
    values = ", ".join(closed.get(column, f"job.{column}") for column in columns)
    into = f"INSERT INTO jobs_job ({', '.join(columns)})"
    with connection.cursor() as cursor:
        cursor.execute(f"{into} SELECT {values} FROM jobs_job job, generate_series(1, 1000000) number")  # noqa: S608
    fill([team], 1_000)
    report("claim beside a million closed jobs, before ANALYZE", time_claims(200), "ms")
    analyse()
    report("claim beside a million closed jobs, after it", time_claims(200), "ms")


def time_claims(count: int) -> list[float]:
    """Milliseconds of each."""
    from jobs.queue.claim import claim_job

    times = []
    for _ in range(count):
        started = time.perf_counter()
        claimed = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["scripted"], vram_mb=0)
        times.append((time.perf_counter() - started) * 1000)
        assert claimed is not None
    return times


def latency() -> None:
    """Accepted to claimed on an idle system: from the commit of the submit to the database's start time of the job."""
    from jobs.models import Job

    team = team_of("latency")
    with worker(*SCRIPTED):
        for _ in range(50):
            submit(team, steps=10)
            drain()
            time.sleep(0.05)
    jobs = Job.objects.filter(team=team.team)
    report("accepted to claimed", [(job.started_at - job.created_at).total_seconds() * 1000 for job in jobs], "ms")


def throughput(count: int = 600) -> None:
    """Jobs a second through one worker whose engine takes no time: 8 frames of 64x64 in one colour.

    Everything else is real: claim, lease, picture read, frames handed over as a file, H.264 and poster encoded, both
    stored, job closed and charged. The processor time a job says more than the rate where other work keeps cores busy.
    """
    team = team_of("throughput")
    fill([team], count)
    analyse()
    with worker(*SCRIPTED) as process:
        before, started = cpu_seconds(process), time.perf_counter()
        drain()
        rate = count / (time.perf_counter() - started)
        used = [f"{who} {1000 * (now - before[who]) / count:.1f} ms" for who, now in cpu_seconds(process).items()]
    print(f"no-op jobs through one worker: {rate:.0f} a second; processor time a job: {', '.join(used)}")


def busy() -> None:
    """Share of wall time that the engine works while there is a backlog: 2 s of denoising a clip, 512x512x16."""
    from jobs.models import Job

    team = team_of("busy")
    fill([team], 20, prompt="delay=0.1", steps=20, width=512, height=512, num_frames=16)
    with worker(*SCRIPTED):
        drain()
    jobs = list(Job.objects.filter(team=team.team).order_by("started_at"))
    wall = (jobs[-1].started_at - jobs[0].started_at).total_seconds()
    engine_seconds = sum(job.gpu_seconds or 0 for job in jobs[:-1])
    print(f"engine busy with a backlog: {100 * engine_seconds / wall:.1f} % of {wall:.0f} s")


def fairness() -> None:
    """Shares of claims by teams of weights 1:1:2:4, and the wait of one job behind another team's 20,000."""
    from accounts.quota.models import Plan, Wallet
    from jobs.models import Job
    from jobs.queue.claim import claim_job

    teams = [team_of(f"weight{number}") for number in range(4)]
    for team, weight in zip(teams, (1, 1, 2, 4), strict=True):
        plan, _ = Plan.objects.get_or_create(name=f"weight {weight}", weight=weight, max_running=100_000)
        Wallet.objects.filter(team=team.team).update(plan=plan)
        fill([team], 2_000)
    taken = Counter(
        claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["scripted"], vram_mb=0).team_id for _ in range(1_600)
    )
    print("claims by weight 1:1:2:4:", [taken[team.team.pk] for team in teams])
    flood, late = team_of("flood"), team_of("late")
    Plan.objects.update(max_running=1_000_000)
    Job.objects.filter(state="queued").update(not_before="2100-01-01T00:00:00Z")
    fill([flood], 20_000)
    for _ in range(100):
        claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["scripted"], vram_mb=0)
    job = submit(late, steps=10)
    position = 1
    while claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["scripted"], vram_mb=0).pk != job.pk:
        position += 1
    print(f"a late team's single job behind a flood of 20,000 is claim number {position}")


def recovery() -> None:
    """From kill -9 of the engine child to the next child's first step."""
    team = team_of("recovery")
    times = []
    for _ in range(5):
        with worker(*SCRIPTED) as process:
            job = submit(team, prompt="delay=0.05", steps=40)
            wait(lambda job=job: fresh(job).steps_done > 0)
            engine_of(process).kill()
            killed = time.perf_counter()
            wait(lambda job=job: fresh(job).state == "queued")
            times.append((time.perf_counter() - killed) * 1000)
            drain()
    report("engine child killed to job queued again", times, "ms")


def team_of(name: str) -> Any:
    """A principal with a team of its own and credits enough."""
    from accounts.auth.principals import Principal
    from accounts.models import User
    from accounts.roles import SCOPES_OF_ROLE, Role
    from accounts.teams.services import ensure_personal_team

    user = User.objects.create_user(f"{name}@example.com")
    return Principal(ensure_personal_team(user=user), user, Role.OWNER, SCOPES_OF_ROLE[Role.OWNER])


def request_for(**changes: Any) -> Any:
    from PIL import Image

    from inference.catalogue import get_model
    from inference.images import encode_png
    from jobs.models import Priority
    from jobs.videos.submission import VideoRequest

    values = {"prompt": "fine", "width": 64, "height": 64, "num_frames": 8, "steps": 10, **changes}
    return VideoRequest(
        spec=get_model("scripted"),
        image_png=encode_png(Image.new("RGB", (64, 64))),
        negative_prompt="",
        preset="",
        resolution="256p",
        fps=8,
        guidance_scale=9.0,
        seed=1,
        output_format="mp4",
        priority=Priority.NORMAL,
        metadata={},
        **values,
    )


def submit(team: Any, **changes: Any) -> Any:
    from jobs.videos.services import submit_job

    return submit_job(principal=team, request=request_for(**changes))


def fill(teams: list[Any], count: int, **changes: Any) -> None:
    """Queues `count` jobs at once, with their money and their picture, past the submit."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.db import transaction

    from accounts.quota.models import LedgerEntry, Wallet
    from common.ids import new_id
    from jobs.models import Job
    from jobs.videos.services import _build_job

    request = request_for(**changes)
    key = default_storage.save("benchmark/source.png", ContentFile(request.image_png))
    jobs = [_build_job(teams[number % len(teams)], request, new_id(), key) for number in range(count)]
    with transaction.atomic():
        Job.objects.bulk_create(jobs, batch_size=5_000)
        LedgerEntry.objects.bulk_create(
            (
                LedgerEntry(team=job.team, kind="reserve", job_id=job.id, balance_delta=-1, reserved_delta=1)
                for job in jobs
            ),
            batch_size=5_000,
        )
        for team, number in Counter(job.team for job in jobs).items():
            wallet = Wallet.objects.get(team=team)
            wallet.balance -= number
            wallet.reserved += number
            wallet.save(update_fields=["balance", "reserved"])


def analyse() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE jobs_job")


def fresh(job: Any) -> Any:
    job.refresh_from_db()
    return job


def cpu_seconds(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a worker, its engine child and PostgreSQL have used so far."""
    servers = [found for found in psutil.Process().children(recursive=True) if found.name() == "postgres"]
    parts = {"worker": [psutil.Process(process.pid)], "engine child": [engine_of(process)], "PostgreSQL": servers}
    return {who: sum(sum(found.cpu_times()[:2]) for found in of_it) for who, of_it in parts.items()}


def drain() -> None:
    """Waits until nothing is queued or running."""
    from jobs.models import Job

    # Seldom: the asking itself takes from the two cores.
    wait(lambda: not Job.objects.filter(state__in=["queued", "in_progress"]).exists(), 600, pause_seconds=0.1)


def wait(condition: Callable[[], Any], seconds: float = 60, pause_seconds: float = 0.005) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(pause_seconds)


def report(what: str, values: list[float], unit: str) -> None:
    ordered = sorted(values)
    p95 = ordered[int(len(ordered) * 0.95)]
    print(
        f"{what}: p50 {statistics.median(ordered):.1f} {unit}, p95 {p95:.1f} {unit}, {len(ordered)} times", flush=True
    )


BENCHMARKS = {bench.__name__: bench for bench in (claim, history, latency, throughput, busy, fairness, recovery)}

if __name__ == "__main__":
    names = sys.argv[1:] or list(BENCHMARKS)
    if len(names) == 1:
        with benchmark_site():
            BENCHMARKS[names[0]]()
    for name in names if len(names) > 1 else []:
        # Each on servers of its own: a quarter of a million queued jobs would weigh on the next figure.
        subprocess.run([sys.executable, __file__, name], check=True)
