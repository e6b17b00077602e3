"""Times good clients alone and beside 500 bad ones: `python tests/benchmarks/bad_clients.py [count]`.

One `live` process serves both, without a proxy in front. The bad clients send nothing, half or slowly, read nothing or
break off; the server's timeouts are the default ones. Target: no response of the good ones but 200 and 202, and their
95th percentile within twice that without bad clients. Results of record: RESULTS.md.
"""

import base64
import multiprocessing
import os
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.portal_process import benchmark_site
from tests.benchmarks.streams import process
from tests.support.bad_clients import BadClients
from tests.support.images import png

SECONDS, ROUNDS = 60, 3
GOOD_CLIENTS, INTERVAL_SECONDS = 4, 0.5
FILE_BYTES = 8_000_000


def main(count: int = 500) -> None:
    live_command = "uvicorn portal.asgi:application --http portal.web.http_protocol:BoundedHttpProtocol"
    live_command += " --log-level warning --port {port}"
    with benchmark_site(DATABASE_POOL_SIZE="0"):
        from accounts.keys.services import create_api_key
        from accounts.models import User
        from accounts.quota.models import Plan
        from accounts.teams.services import ensure_personal_team
        from jobs.states import State
        from tests.support.videos import store_job

        users = [User.objects.create_user(f"{name}@example.com", "a long password") for name in ("good", "bad")]
        teams = [ensure_personal_team(user=user) for user in users]
        good, bad = (
            {"Authorization": f"Bearer {create_api_key(team=team, creator=user, name='k')[1]}"}
            for team, user in zip(teams, users, strict=True)
        )
        Plan.objects.update(max_queued=1_000_000)
        video = store_job(teams[1], users[1], State.COMPLETED, bytes(FILE_BYTES))
        running = store_job(teams[1], users[1], State.IN_PROGRESS, b"")
        variables = {"DATABASE_POOL_SIZE": "10", "MAX_EVENT_STREAMS_PER_TEAM": str(count)}
        # The good clients have a process of their own: threads would wait for those of the bad ones.
        own_process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        with process("live", live_command, **variables) as (port, _), own_process:
            for _ in range(ROUNDS):
                alone = own_process.submit(send_requests, port, good).result()
                with BadClients(
                    port,
                    bad,
                    file_path=f"/v1/videos/{video.public_id}/content",
                    events_path=f"/v1/videos/{running.public_id}/events",
                    count=count,
                ) as bad_clients:
                    beside = own_process.submit(send_requests, port, good).result()
                print(f"alone:  {shown(alone)}")
                print(f"beside: {shown(beside)}; bad clients that connected again: {bad_clients.reconnects.total()}")
                print(f"ratio of the 95th percentiles: {p95(beside) / p95(alone):.2f}", flush=True)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")


def send_requests(port: int, headers: dict[str, str]) -> list[tuple[int, float]]:
    """Return status and milliseconds of the requests: lists, and one submit in ten."""
    body = {"image_base64": base64.b64encode(png()).decode(), "prompt": "pan", "resolution": "256p"}

    def send(_: int) -> list[tuple[int, float]]:
        responses: list[tuple[int, float]] = []
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                started = time.perf_counter()
                is_submit = len(responses) % 10 == 9
                response = client.post("/v1/videos", json=body) if is_submit else client.get("/v1/videos?limit=10")
                responses.append((response.status_code, (time.perf_counter() - started) * 1000))
                time.sleep(max(0.0, INTERVAL_SECONDS - responses[-1][1] / 1000))
        return responses

    with ThreadPoolExecutor(GOOD_CLIENTS) as pool:
        return [each for responses in pool.map(send, range(GOOD_CLIENTS)) for each in responses]


def p95(responses: list[tuple[int, float]]) -> float:
    return statistics.quantiles((milliseconds for _, milliseconds in responses), n=20)[-1]


def shown(responses: list[tuple[int, float]]) -> str:
    median = statistics.median(milliseconds for _, milliseconds in responses)
    statuses = dict(Counter(status for status, _ in responses))
    return f"median {median:.0f} ms, p95 {p95(responses):.0f} ms, {statuses}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
