"""A thousand event streams on one `live` process beside a `web` process: `python tests/benchmarks/streams.py`.

One client for each of as many running videos; each video tells of its progress every 5 s and shows a preview of some
8 kB every 10 s. Meanwhile the newest page of `GET /v1/videos` is asked for at `web`, ten times a second. Targets:
100 ms at the 95th percentile there, no event lost, a pool of connections that never runs dry. Of record: RESULTS.md.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parent))
from portal_process import ROOT, benchmark_site

SECONDS = 60
PROGRESS_EVERY, PREVIEW_EVERY = 5, 10
PREVIEW_BYTES = 8_000
POOL = 10


class Clients:
    """So many open streams, read in one event loop. `heard` counts events by video."""

    def __init__(self, port: int, key: str, jobs: list[Any]) -> None:
        self.heard: Counter[str] = Counter()
        self.open = self.ended = 0
        self._port, self._key, self._jobs = port, key, jobs
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def _all(self) -> None:
        at_once = asyncio.Semaphore(20)
        await asyncio.gather(*(self._one(job.public_id, at_once) for job in self._jobs))

    async def _one(self, video: str, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            request = f"GET /v1/videos/{video}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}"
            writer.write(f"{request}\r\n\r\n".encode())
            status = await reader.readline()
            assert b" 200 " in status, status
            while not (line := await reader.readline()).startswith(b"event: status"):
                assert line, "it ended before it began"
        self.open += 1
        async for line in reader:
            if line.startswith(b"event: ") and line != b"event: status\n":
                self.heard[video] += 1
        self.open -= 1
        self.ended += 1


def main(streams: int = 1000) -> None:
    limits = dict.fromkeys(
        ("MAX_EVENT_STREAMS", "MAX_EVENT_STREAMS_PER_KEY", "MAX_EVENT_STREAMS_PER_PERSON"), str(streams)
    )
    with benchmark_site(**limits, DATABASE_POOL_SIZE="0"):
        key, jobs = running_jobs(streams)
        with process("web", "gunicorn portal.wsgi:application --workers 2 --bind 127.0.0.1:{port}") as (web, _):
            live_command = "uvicorn portal.asgi:application --http httptools --log-level warning --port {port}"
            pool = {
                "DATABASE_POOL_SIZE": str(POOL),
                "LONG_POLLING_ENABLED": "1",
                "MAX_EVENT_STREAMS_PER_TEAM": str(streams),
            }
            with process("live", live_command, **pool) as (live, live_process):
                measure(web, live, live_process, key, jobs)


def measure(web: int, live: int, live_process: psutil.Process, key: str, jobs: list[Any]) -> None:
    empty_mb, idle = live_process.memory_info().rss / 1e6, time_list(web, key, 10)
    clients = Clients(live, key, jobs)
    started = time.perf_counter()
    clients.start()
    while clients.open < len(jobs) and time.perf_counter() - started < 300:
        time.sleep(0.1)
    print(f"streams held: {clients.open} of {len(jobs)}, after {time.perf_counter() - started:.0f} s", flush=True)
    sessions: Counter[str] = Counter()
    stop = threading.Event()
    watch = threading.Thread(target=watch_sessions, args=(sessions, stop))
    told: Counter[str] = Counter()
    tell = threading.Thread(target=publish_events, args=(jobs, told))
    cpu = sum(live_process.cpu_times()[:2])
    watch.start()
    tell.start()
    times = time_list(web, key, SECONDS)
    tell.join()
    time.sleep(3)
    used = (sum(live_process.cpu_times()[:2]) - cpu) / (SECONDS + 3)
    held_mb = live_process.memory_info().rss / 1e6
    still_open = clients.open
    end_all(jobs)
    give_up = time.monotonic() + 60
    while clients.ended < len(jobs) and time.monotonic() < give_up:
        time.sleep(0.1)
    stop.set()
    watch.join()
    delivered, published = sum(clients.heard.values()), sum(told.values())
    lost = sum(max(0, count - clients.heard[video]) for video, count in told.items())
    print(f"open to the end: {still_open}; ended by the videos' end: {clients.ended}")
    print(f"events: {published} published, {delivered} delivered, {lost} lost ({published / SECONDS:.0f} a second)")
    print(f"GET /v1/videos alone:  {shown(idle)}")
    print(f"GET /v1/videos beside: {shown(times)}")
    print(f"database sessions at most: live {sessions['live']} of a pool of {POOL}, web {sessions['web']}")
    print(
        f"live: {empty_mb:.0f} MB without streams, {held_mb:.0f} MB with; {live_process.num_threads()} threads; ",
        end="",
    )
    print(f"{100 * used:.0f} % of a core; load of the machine {os.getloadavg()[0]:.1f}")


def running_jobs(count: int) -> tuple[str, list[Any]]:
    """Videos in progress, without a worker; and a key of their team."""
    from accounts.keys.services import create_api_key
    from accounts.models import User
    from accounts.quota.models import Plan
    from accounts.teams.services import ensure_personal_team
    from common.clock import DatabaseNow
    from jobs.models import Job
    from jobs.states import State

    user = User.objects.create_user("streams@example.com", "a long password")
    team = ensure_personal_team(user=user)
    Plan.objects.update(requests_per_minute=None)
    shape = {"width": 512, "height": 512, "num_frames": 16, "fps": 8, "steps": 100, "guidance_scale": 9.0, "seed": 7}
    words = {"model": "scripted", "prompt": "clouds pass", "resolution": "512p", "output_format": "mp4", "pool": "cpu"}
    lease = {"state": State.IN_PROGRESS, "attempt": 1, "lease_until": DatabaseNow()}
    jobs = [Job(team=team, user=user, quoted_credits=30, **shape, **words, **lease) for _ in range(count)]  # type: ignore[misc]
    for job in jobs:
        job.lease_owner = job.pk
    Job.objects.bulk_create(jobs)
    return create_api_key(team=team, creator=user, name="streams")[1], jobs


def publish_events(jobs: list[Any], told: Counter[str]) -> None:
    """As so many workers would, evenly over the time."""
    from jobs.events.event import preview_event, progress_event
    from jobs.events.publisher import publish

    jpeg = random.randbytes(PREVIEW_BYTES)
    started = time.monotonic()
    for turn in range(SECONDS // PROGRESS_EVERY):
        for number, job in enumerate(jobs):
            due = started + (turn + number / len(jobs)) * PROGRESS_EVERY
            time.sleep(max(0.0, due - time.monotonic()))
            publish(job.pk, progress_event(job.pk, attempt=1, step=turn + 1, steps=100))
            told[job.public_id] += 1
            if turn % (PREVIEW_EVERY // PROGRESS_EVERY) == 0:
                publish(job.pk, preview_event(job.pk, attempt=1, step=turn + 1, jpeg=jpeg))
                told[job.public_id] += 1


def end_all(jobs: list[Any]) -> None:
    from common.clock import DatabaseNow
    from jobs.models import Job
    from jobs.states import State

    held = Job.objects.filter(pk__in=[job.pk for job in jobs])
    held.update(state=State.CANCELED, finished_at=DatabaseNow(), lease_owner=None, lease_until=None)


def watch_sessions(most: Counter[str], stop: threading.Event) -> None:
    """How many sessions each process has in the database, at most."""
    from django.db import connection

    while not stop.wait(0.25):
        with connection.cursor() as cursor:
            cursor.execute("SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1")
            for name, count in cursor.fetchall():
                most[name] = max(most[name], count)
    connection.close()


def time_list(port: int, key: str, seconds: float) -> list[float]:
    """Milliseconds of each."""
    times = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}) as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            client.get("/v1/videos", timeout=60).raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
            time.sleep(max(0.0, 0.1 - times[-1] / 1000))
    return times


def shown(times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20)[-1]
    return f"p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, of {len(times)}"


@contextmanager
def process(name: str, command: str, **variables: str) -> Iterator[tuple[int, psutil.Process]]:
    """A web process by its command, on a port of its own; its sessions in the database bear its name."""
    port = _free_port()
    environment = {**os.environ, **variables, "PGAPPNAME": name, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    words = command.format(port=port).split()
    found = psutil.Popen([sys.executable, "-m", *words], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port, found
    finally:
        found.terminate()
        found.wait(30)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
