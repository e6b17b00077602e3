"""Measures a thousand event streams on one ASGI process beside a WSGI process: `python tests/benchmarks/streams.py`.

There is one client for each running video; each video reports its progress every 5 s and a preview of some
8 kB every 10 s. Meanwhile the newest page of `GET /v1/videos` is requested from `web`, ten times a second. Targets:
100 ms at the 95th percentile there, no event lost, no exhausted connection pool. Results of record: RESULTS.md.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.portal_process import ROOT, benchmark_site

SECONDS = 60
PROGRESS_EVERY, PREVIEW_EVERY = 5, 10
PREVIEW_BYTES = 8_000
POOL = 10


class Clients:
    """Open streams, read in one event loop. received: the number of events by video."""

    def __init__(self, port: int, key: str, jobs: list[Any]) -> None:
        self.received: Counter[str] = Counter()
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
                assert line, "the stream ended before its first event"
        self.open += 1
        async for line in reader:
            if line.startswith(b"event: ") and line != b"event: status\n":
                self.received[video] += 1
        self.open -= 1
        self.ended += 1


def main(streams: int = 1000) -> None:
    limits = dict.fromkeys(
        ("MAX_EVENT_STREAMS", "MAX_EVENT_STREAMS_PER_KEY", "MAX_EVENT_STREAMS_PER_PERSON"), str(streams)
    )
    with benchmark_site(**limits, DATABASE_POOL_SIZE="0"):
        key, jobs = running_jobs(streams)
        with process("web", "gunicorn portal.wsgi:application --workers 2 --bind 127.0.0.1:{port}") as (web, _):
            live_command = "uvicorn portal.asgi:application --http portal.web.http_protocol:BoundedHttpProtocol"
            live_command += " --log-level warning --port {port}"
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
    monitor = threading.Thread(target=watch_sessions, args=(sessions, stop))
    published: Counter[str] = Counter()
    publisher = threading.Thread(target=publish_events, args=(jobs, published))
    cpu = sum(live_process.cpu_times()[:2])
    monitor.start()
    publisher.start()
    times = time_list(web, key, SECONDS)
    publisher.join()
    time.sleep(3)
    used = (sum(live_process.cpu_times()[:2]) - cpu) / (SECONDS + 3)
    held_mb = live_process.memory_info().rss / 1e6
    still_open = clients.open
    finish_all(jobs)
    give_up = time.monotonic() + 60
    while clients.ended < len(jobs) and time.monotonic() < give_up:
        time.sleep(0.1)
    stop.set()
    monitor.join()
    delivered, sent = sum(clients.received.values()), sum(published.values())
    lost = sum(max(0, count - clients.received[video]) for video, count in published.items())
    print(f"open to the end: {still_open}; ended with their videos: {clients.ended}")
    print(f"events: {sent} published, {delivered} delivered, {lost} lost ({sent / SECONDS:.0f} per second)")
    print(f"GET /v1/videos alone:  {shown(idle)}")
    print(f"GET /v1/videos beside: {shown(times)}")
    print(f"database sessions at most: live {sessions['live']} of a pool of {POOL}, web {sessions['web']}")
    print(
        f"live: {empty_mb:.0f} MB without streams, {held_mb:.0f} MB with; {live_process.num_threads()} threads; ",
        end="",
    )
    print(f"{100 * used:.0f} % of a core; load of the machine {os.getloadavg()[0]:.1f}")


def running_jobs(count: int) -> tuple[str, list[Any]]:
    """Create videos in progress, without a worker, and return a key of their team and the jobs."""
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
    jobs = [Job(team=team, user=user, quoted_credits=30, **shape, **words, **lease) for _ in range(count)]
    for job in jobs:
        job.lease_owner = job.pk
    Job.objects.bulk_create(jobs)
    return create_api_key(team=team, creator=user, name="streams")[1], jobs


def publish_events(jobs: list[Any], published: Counter[str]) -> None:
    """Publish events as many workers would, evenly distributed over the time."""
    from jobs.events.event import preview_event, progress_event
    from jobs.events.publisher import publish

    jpeg = random.randbytes(PREVIEW_BYTES)
    started = time.monotonic()
    for turn in range(SECONDS // PROGRESS_EVERY):
        for number, job in enumerate(jobs):
            due = started + (turn + number / len(jobs)) * PROGRESS_EVERY
            time.sleep(max(0.0, due - time.monotonic()))
            publish(job.pk, progress_event(job.pk, attempt=1, step=turn + 1, steps=100))
            published[job.public_id] += 1
            if turn % (PREVIEW_EVERY // PROGRESS_EVERY) == 0:
                publish(job.pk, preview_event(job.pk, attempt=1, step=turn + 1, jpeg=jpeg))
                published[job.public_id] += 1


def finish_all(jobs: list[Any]) -> None:
    from common.clock import DatabaseNow
    from jobs.models import Job
    from jobs.states import State

    held = Job.objects.filter(pk__in=[job.pk for job in jobs])
    held.update(state=State.CANCELED, finished_at=DatabaseNow(), lease_owner=None, lease_until=None)


def watch_sessions(most: Counter[str], stop: threading.Event) -> None:
    """Record the maximal number of database sessions of each process."""
    from django.db import connection

    while not stop.wait(0.25):
        with connection.cursor() as cursor:
            cursor.execute("SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1")
            for name, count in cursor.fetchall():
                most[name] = max(most[name], count)
    connection.close()


def time_list(port: int, key: str, seconds: float) -> list[float]:
    """Return the milliseconds of each."""
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
    """Run a web process by its command, on its own port; its database sessions have its name."""
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
