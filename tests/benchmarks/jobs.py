"""Measures the job system: `python tests/benchmarks/jobs.py`, or with names of its functions, such as `claim busy`.

`fairness --models 2 --teams 10` measures the waits behind one worker that swaps its models, on a simulated clock.

Two noisy cores share the work with PostgreSQL and the workers: read medians and ratios. Results of record: RESULTS.md.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.portal_process import benchmark_site, engine_of, worker

SCRIPTED = ("--model", "scripted")


def claim() -> None:
    """Measure one claim with 25,000 and 250,000 jobs queued by 50 teams."""
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
    """Measure one claim where a single team has a million finished jobs and 1,000 queued ones."""
    from django.db import connection

    from accounts.quota.models import Plan
    from jobs.models import Job

    team = team_of("history")
    Plan.objects.update(max_running=1_000)
    fill([team], 1)
    closed = {
        # Ordered by time, like UUIDv7.
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
    report("claim beside a million finished jobs, before ANALYZE", time_claims(200), "ms")
    analyse()
    report("claim beside a million finished jobs, after it", time_claims(200), "ms")


def time_claims(count: int) -> list[float]:
    """Return the milliseconds of each."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        claim_next()
        times.append((time.perf_counter() - started) * 1000)
    return times


def claim_next() -> Any:
    """Claim the next job, as a worker does."""
    from jobs.queue.claim import claim_job

    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["scripted"], vram_mb=0)
    assert job is not None
    return job


def latency() -> None:
    """Measure the time from accepted to claimed on an idle system, by the database's clock."""
    from jobs.models import Job

    team = team_of("latency")
    with worker(*SCRIPTED):
        for _ in range(50):
            submit(team, steps=10)
            drain()
            time.sleep(0.05)
    jobs = Job.objects.filter(team=team.team)
    waits = [(job.started_at - job.created_at).total_seconds() * 1000 for job in jobs if job.started_at]
    report("accepted to claimed", waits, "ms")


def throughput(count: int = 600) -> None:
    """Measure jobs per second through one worker whose engine takes no time: 8 frames of 64x64 in one color.

    Everything else is real: claim, lease, reading the image, passing the frames as a file, encoding H.264 and poster,
    storing both, finishing and charging the job. The processor time per job says more than the rate under other load.
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
    """Measure the share of time that the engine works with a backlog: 2 s of denoising per video, 512x512x16."""
    from jobs.models import Job

    team = team_of("busy")
    fill([team], 20, prompt="delay=0.1", steps=20, width=512, height=512, num_frames=16)
    with worker(*SCRIPTED):
        drain()
    jobs = list(Job.objects.filter(team=team.team).order_by("started_at"))
    starts = [job.started_at for job in jobs if job.started_at]
    wall = (starts[-1] - starts[0]).total_seconds()
    engine_seconds = sum(job.gpu_seconds or 0 for job in jobs[:-1])
    print(f"engine busy with a backlog: {100 * engine_seconds / wall:.1f} % of {wall:.0f} s")


def fairness() -> None:
    """Measure the claims of teams with weights 1:1:2:4, and the wait of one job behind another team's 20,000."""
    from accounts.quota.models import Plan, Wallet
    from jobs.models import Job

    teams = [team_of(f"weight{number}") for number in range(4)]
    for team, weight in zip(teams, (1, 1, 2, 4), strict=True):
        plan, _ = Plan.objects.get_or_create(name=f"weight {weight}", weight=weight, max_running=100_000)
        Wallet.objects.filter(team=team.team).update(plan=plan)
        fill([team], 2_000)
    claims = Counter(claim_next().team_id for _ in range(1_600))
    print("claims by weight 1:1:2:4:", [claims[team.team.pk] for team in teams])
    flood, late = team_of("flood"), team_of("late")
    Plan.objects.update(max_running=1_000_000)
    Job.objects.filter(state="queued").update(not_before="2100-01-01T00:00:00Z")
    fill([flood], 20_000)
    for _ in range(100):
        claim_next()
    job = submit(late, steps=10)
    position = 1
    while claim_next().pk != job.pk:
        position += 1
    print(f"a late team's single job behind a flood of 20,000 is claim number {position}")


def residency(*, models: int, teams: int) -> None:
    """Measure the waits, swaps and shares of teams behind one worker that has one of its models loaded at a time.

    The claims are real; a video takes as long as its quote, and a swap 30 seconds. Compared with a worker that swaps
    for each video whose turn it is, and with one that swaps when no video of its loaded model is left.
    """
    from jobs.queue.residency import Residency

    class SwapAtOnce(Residency):
        def may_overtake(self, *_: object) -> bool:
            return False

    class KeepLoaded(Residency):
        def may_overtake(self, *_: object) -> bool:
            return True

    names = [f"model-{number}" for number in range(models)]
    print(f"{models} models, {teams} teams, quotes of 5 to 60 s, a swap takes {_SWAP_SECONDS:.0f} s")
    principals = [team_of(f"resident{number}") for number in range(teams)]
    policies = {"the rule": Residency, "swap at once": SwapAtOnce, "swap when idle": KeepLoaded}
    for queue, mixed in (("each team uses one model", False), ("each team uses all models", True)):
        for policy, residency_class in policies.items():
            fill_for_models(principals, names, jobs_per_team=60, mixed=mixed)
            print(f"{queue}, {policy}: {run_simulation(principals, names, residency_class())}", flush=True)
    for policy, residency_class in policies.items():
        print(f"a late team, {policy}: {late_wait(principals, names, residency_class()):.0f} s", flush=True)


_SWAP_SECONDS = 30.0


def run_simulation(teams: list[Any], models: list[str], residency: Any) -> str:
    """Run the queue with a simulated worker and describe the result."""
    from tests.support.simulated_worker import SimulatedWorker

    simulated = SimulatedWorker(models, _SWAP_SECONDS, residency)
    starts = list(simulated.run())
    waits = sorted(start.wait for start in starts if start.first)
    beyond = max(start.wait - _SWAP_SECONDS - start.first.credits for start in starts if start.first)
    half = [start for start in starts if start.at < simulated.now / 2]
    served = Counter({team.team.pk: 0 for team in teams})
    for start in half:
        served[start.job.team_id] += start.job.quoted_credits
    work = sum(start.job.quoted_credits for start in starts)
    return (
        f"{len(starts) / max(1, simulated.swaps):.1f} videos a swap, GPU busy {100 * work / simulated.now:.0f} %, "
        f"wait after the turn p50 {statistics.median(waits):.0f} s, longest {waits[-1]:.0f} s "
        f"({max(0.0, beyond):.0f} s more than one job and one swap), "
        f"served in the first half {min(served.values())} to {max(served.values())} credits a team"
    )


def late_wait(teams: list[Any], models: list[str], residency: Any) -> float:
    """Return the wait of a single video that is queued behind the backlog of all other teams for another model."""
    from tests.support.simulated_worker import SimulatedWorker

    fill_for_models(teams[1:], models[:1], jobs_per_team=60, mixed=False)
    simulated = SimulatedWorker(models, _SWAP_SECONDS, residency)
    for number, start in enumerate(simulated.run()):
        if number == 100:
            fill_for_models(teams[:1], models[1:2], jobs_per_team=1, mixed=False)
            queued_at = start.at
        if start.job.model != models[0]:
            late_start = start.at
    return late_start - queued_at


def fill_for_models(teams: list[Any], models: list[str], *, jobs_per_team: int, mixed: bool) -> None:
    """Queue jobs with quotes of 5 to 60 credits in a random order, without their credits and files."""
    from accounts.quota.models import Plan
    from jobs.models import Job, Pool, TeamShare
    from jobs.videos.services import _build_job

    Plan.objects.update(max_running=1_000_000)
    if not Job.objects.filter(state="queued").exists():  # no team has an advantage from the run before
        TeamShare.objects.all().delete()
        Pool.objects.all().delete()
    rng = random.Random(1)
    request = request_for()
    jobs: list[Job] = []
    for _ in range(jobs_per_team):
        for number, team in enumerate(teams):
            job = _build_job(team, request)
            job.model = models[rng.randrange(len(models)) if mixed else number % len(models)]
            job.quoted_credits = rng.choice([5, 10, 20, 30, 60])
            jobs.append(job)
    Job.objects.bulk_create(jobs)


def recovery() -> None:
    """Measure the time from kill -9 of the engine child until its job is queued again."""
    team = team_of("recovery")
    times = []
    for _ in range(5):
        with worker(*SCRIPTED) as process:
            job = submit(team, prompt="delay=0.05", steps=40)
            wait(partial(is_running, job))
            engine_of(process).kill()
            killed = time.perf_counter()
            wait(partial(is_queued, job))
            times.append((time.perf_counter() - killed) * 1000)
            drain()
    report("engine child killed to job queued again", times, "ms")


def team_of(name: str) -> Any:
    """Create a principal with its own team and enough credits."""
    from accounts.auth.principals import Principal
    from accounts.models import User
    from accounts.roles import SCOPES_OF_ROLE, Role
    from accounts.teams.services import ensure_personal_team

    user = User.objects.create_user(f"{name}@example.com")
    return Principal(ensure_personal_team(user=user), user, Role.OWNER, SCOPES_OF_ROLE[Role.OWNER])


def request_for(**changes: Any) -> Any:
    from PIL import Image

    from inference.images import encode_png
    from inference.models.catalogue import get_model
    from jobs.models import Priority
    from jobs.videos.submission import VideoRequest

    values = {"prompt": "fine", "width": 64, "height": 64, "num_frames": 8, "steps": 10, **changes}
    return VideoRequest(
        descriptor=get_model("scripted"),
        image_png=encode_png(Image.new("RGB", (64, 64))),
        negative_prompt="",
        preset="",
        resolution="256p",
        fps=8,
        guidance_scale=9.0,
        loras=(),
        seed=1,
        output_format="mp4",
        priority=Priority.NORMAL,
        metadata={},
        **values,
    )


def submit(team: Any, **changes: Any) -> Any:
    from jobs.videos.services import submit_video

    return submit_video(principal=team, build=lambda: request_for(**changes))


def fill(teams: list[Any], count: int, **changes: Any) -> None:
    """Queue `count` jobs at once, with their credits and their images, without the submit."""
    from django.db import transaction

    from accounts.quota.models import LedgerEntry, Wallet
    from jobs.models import Job
    from jobs.storage.files import source_key, store_file
    from jobs.videos.services import _build_job

    request = request_for(**changes)
    jobs = [_build_job(teams[number % len(teams)], request) for number in range(count)]
    for job in jobs:
        job.source_key = store_file(source_key(job.team_id, job.id), request.image_png)
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


def is_running(job: Any) -> bool:
    job.refresh_from_db()
    return bool(job.steps_done > 0)


def is_queued(job: Any) -> bool:
    job.refresh_from_db()
    return bool(job.state == "queued")


def cpu_seconds(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Return the processor seconds of a worker, its engine child and PostgreSQL so far."""
    servers = [found for found in psutil.Process().children(recursive=True) if found.name() == "postgres"]
    parts = {"worker": [psutil.Process(process.pid)], "engine child": [engine_of(process)], "PostgreSQL": servers}
    return {who: sum(sum(found.cpu_times()[:2]) for found in of_it) for who, of_it in parts.items()}


def drain() -> None:
    """Wait until nothing is queued or running."""
    from jobs.models import Job

    # At long intervals: the query itself uses the two cores.
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], default=[])
    parser.add_argument("--models", type=int, default=1, help="of `fairness`: the models of one worker")
    parser.add_argument("--teams", type=int, default=10, help="of `fairness` with several models")
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    if len(names) == 1:
        with benchmark_site():
            if options.models > 1:
                residency(models=options.models, teams=options.teams)
            else:
                BENCHMARKS[names[0]]()
    for name in names if len(names) > 1 else []:
        # Each on its own servers: a quarter of a million queued jobs would affect the next measurement.
        subprocess.run([sys.executable, __file__, name], check=True)
