"""Measures polls and submits per second of the production processes and of a minimal FastAPI twin, in turns, by `wrk`.

`python tests/benchmarks/against_twin.py [poll submit submit-tiny] [--rounds 5] [--seconds 6] [--loop uvloop]`. A submit
sends a photograph of 600x400, a tiny one a PNG of 256x256, which leaves little but the services' own work. Two
gunicorn sync workers run against two uvicorn workers, with the same Postgres and Valkey. Each round starts with an
empty queue, since no worker runs and both services count the queue. Results: RESULTS.md.
"""

import argparse
import base64
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.portal_process import ROOT, benchmark_site

PORTS = {"ours": 18431, "twin": 18432}
_LUA = """
wrk.method = "POST"
wrk.body = [[{"image_base64": "%s", "prompt": "the camera pans left", "resolution": "256p", "num_frames": 8}]]
wrk.headers["Content-Type"] = "application/json"
local thread = 0
function setup(t) t:set("number", thread); thread = thread + 1 end
local calls, born = 0, os.time()
function request()
    calls = calls + 1
    wrk.headers["Idempotency-Key"] = string.format("%%d-%%d-%%d-%%s", born, number, calls, tostring(request))
    return wrk.format()
end
"""


@contextmanager
def served(folder: Path, loop: str) -> Iterator[None]:
    """Run both services. loop: the event loop of the twin, by uvicorn's name."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "TWIN_MEDIA": str(folder / "twin"),
        "STATIC_ROOT": str(folder / "static"),
    }
    environment |= {"TWIN_DATABASE": os.environ["DATABASE_URL"].replace("postgres://", "postgresql://", 1)}
    commands = {
        "ours": [
            *("gunicorn", "portal.wsgi:application", "--workers", "2", "--worker-class", "sync"),
            *("--bind", f"127.0.0.1:{PORTS['ours']}", "--logger-class", "portal.web.gunicorn_logs.Logger"),
            "--no-control-socket",
        ],
        "twin": [
            *("uvicorn", "tests.benchmarks.twin:app", "--workers", "2", "--port", str(PORTS["twin"])),
            *("--log-level", "warning", "--loop", loop),
        ],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        for port in PORTS.values():
            _wait_for(port)
        yield


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"Nothing responds on port {port}.")


def wrk(port: int, path: str, key: str, *, seconds: int, script: Path | None) -> tuple[float, float, float]:
    """Return requests per second, and their median and 95th percentile in ms."""
    report = Path(__file__).with_name("wrk_report.lua")
    lua = (script.read_text() if script else "") + report.read_text()
    file = Path(os.environ["VAR_DIR"]) / "load.lua"
    file.write_text(lua)
    output = subprocess.run(
        [
            *("wrk", "-t1", "-c8", f"-d{seconds}s", "-s", str(file)),
            *("-H", f"Authorization: Bearer {key}", f"http://127.0.0.1:{port}{path}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    failed = re.search(r"failed=(\d+)", output)
    if failed is None or int(failed[1]):
        raise SystemExit(output)
    numbers = re.search(r"rps=([\d.]+) p50=([\d.]+) p95=([\d.]+)", output)
    assert numbers, output
    rate, median, late = map(float, numbers.groups())
    return rate, median, late


def _empty_queue() -> None:
    from django.db.models.functions import Now

    from jobs.models import Job

    Job.objects.filter(state="queued").update(state="canceled", finished_at=Now())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["poll", "submit", "submit-tiny"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--loop", default="uvloop", choices=["uvloop", "asyncio"])
    options = parser.parse_args()
    with benchmark_site():
        from PIL import Image

        from accounts.keys.services import create_api_key
        from accounts.models import User
        from accounts.quota.models import Plan
        from accounts.teams.services import ensure_personal_team
        from jobs.models import Job
        from tests.benchmarks.many_jobs import fill_videos

        user = User.objects.create_user("bench@example.com")
        team = ensure_personal_team(user=user)
        _, key = create_api_key(team=team, creator=user, name="bench")
        Plan.objects.update(requests_per_minute=10_000_000, max_queued=10_000_000)
        fill_videos(team, user, first=1, last=10_000)
        video = Job.objects.filter(state="completed").order_by("-id")[0].public_id
        tiny = BytesIO()
        Image.radial_gradient("L").convert("RGB").save(tiny, "PNG")
        folder = Path(os.environ["VAR_DIR"])
        targets: dict[str, tuple[str, Path | None]] = {"poll": (f"/v1/videos/{video}", None)}
        images = {"submit": (ROOT / "samples" / "coffee.jpg").read_bytes(), "submit-tiny": tiny.getvalue()}
        for name, image in images.items():
            script = folder / f"{name}.lua"
            script.write_text(_LUA % base64.b64encode(image).decode())
            targets[name] = ("/v1/videos", script)
        with served(folder, options.loop):
            for what in options.what:
                compare(what, *targets[what], key, rounds=options.rounds, seconds=options.seconds)


def compare(what: str, path: str, script: Path | None, key: str, *, rounds: int, seconds: int) -> None:
    """Run the rounds in turns, so that other load affects both alike."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PORTS}
    for _ in range(rounds + 1):
        for name, port in PORTS.items():
            _empty_queue()
            found[name].append(wrk(port, path, key, seconds=seconds, script=script))
    for name, rows in found.items():
        rate, p50, p95 = (
            statistics.median(column) for column in zip(*rows[1:], strict=True)
        )  # the first round warms up
        print(f"{what}, {name}: {rate:.0f} a second, p50 {p50:.1f} ms, p95 {p95:.1f} ms", flush=True)
    ratios = [ours[0] / twin[0] for ours, twin in zip(found["ours"][1:], found["twin"][1:], strict=True)]
    print(f"{what}: ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
