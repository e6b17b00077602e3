"""A portal of real processes, a key without limits of calls, and schemathesis with all its checks."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.portal.test_up import ROOT, Portal

OWNER = "fuzz@example.com"
# What has another way of being tested, and why.
LEFT_OUT = {
    "videos_events": "its answer goes on for as long as the video does; see tests/jobs/api/test_events.py",
}


@contextmanager
def running_portal() -> Iterator[tuple[Portal, str]]:
    """A portal and a key of a team that may do everything as often as it likes."""
    folder = Path(tempfile.mkdtemp(prefix="mts-fuzz-"))
    portal = Portal(folder)
    # Calls that wait for a film are told to come back soon, or the run would take hours.
    portal.env |= {
        "GENERATE_RATE_LIMIT": "1000000/minute",
        "GENERATE_WAIT_SECONDS": "1",
        "STARTING_CREDITS": "100000000",
    }
    try:
        portal.start()
        key = portal.run("create_key", f"--email={OWNER}").stdout.strip()
        limits = ["--set=requests_per_minute=", "--set=max_queued=1000000", f"--assign={OWNER}"]
        portal.run("plan", "fuzz", *limits).check_returncode()
        yield portal, key
    finally:
        portal.clear()
        shutil.rmtree(folder, ignore_errors=True)


def schemathesis(
    portal: Portal, key: str, *, examples: int, seed: int, phases: str = "examples,coverage,fuzzing,stateful"
) -> subprocess.CompletedProcess[str]:
    """So many examples for each operation; its exit status is 0 where nothing is found."""
    left_out = [f"--exclude-operation-id={name}" for name in LEFT_OUT]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://localhost:{portal.port}/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--checks=all", f"--phases={phases}", "--no-color"),
        *(f"--max-examples={examples}", f"--seed={seed}", "--continue-on-failure", "--generation-database=none"),
        *("--request-timeout=60", "--suppress-health-check=all", *left_out),
    ]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.schema.hooks", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def troubles_of(portal: Portal) -> list[str]:
    """What the run left behind that should not be: failures of ours in the log, money that does not add up."""
    lines = (portal.log.read_text() + (Path(portal.env["VAR_DIR"]) / "log" / "portal.log").read_text()).splitlines()
    found = [line for line in lines if "Traceback (most recent call last)" in line or "status=500" in line]
    audit = portal.run("audit")
    return found + ([] if audit.returncode == 0 else [audit.stdout + audit.stderr])
