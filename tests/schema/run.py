"""A portal of real processes, a key without limits of calls, and schemathesis with all its checks."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.portal_process import ROOT, Portal

OWNER = "fuzz@example.com"
# What has another way of being tested, and why.
LEFT_OUT = {
    "videos_events": "its answer goes on for as long as the video does; see tests/jobs/videos/api/test_events.py",
}
_FAULT = re.compile(r"Traceback \(most recent call last\)|status=5\d\d|\" 5\d\d ")
# Keys that are made up beside the real one would only be refused; that no key opens nothing, `ignored_auth` sees to.
# Cases that are meant to be bad end a scenario wherever nothing about the next call can be made bad: the other phases,
# which know the ids that were seen, send those.
_CONFIG = """
[generation]
with-security-parameters = false

[phases.stateful]
max-steps = 40

[phases.stateful.generation]
mode = "positive"
"""


@dataclass
class Done:
    """One or more runs: how they ended, and what was really sent. See tally.py for the counts."""

    failed: bool = False
    output: str = ""
    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    depths: Counter[str] = field(default_factory=Counter)
    scenarios: int = 0

    def __iadd__(self, other: Self) -> Self:
        self.failed |= other.failed
        self.output += other.output
        self.scenarios += other.scenarios
        for name in ("cases", "statuses", "repeats", "links", "depths"):
            getattr(self, name).update(getattr(other, name))
        return self

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {count}" for phase, count in self.cases.items())
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        deepest = max(map(int, self.depths), default=1)
        return (
            f"answered: {phases}; in all {self.cases.total()}\n"
            f"stateful: {self.scenarios} scenarios, {self.links.total()} steps along {len(self.links)} links, "
            f"chains of up to {deepest} calls\n"
            f"sent again under their Idempotency-Key: {self.repeats.total()}\n"
            f"statuses: {statuses}"
        )


@contextmanager
def running_portal() -> Iterator[tuple[Portal, str]]:
    """A portal and a key of a team that may do everything as often as it likes."""
    folder = Path(tempfile.mkdtemp(prefix="mts-fuzz-"))
    portal = Portal(folder)
    # Calls that wait for a film are told to come back soon, or the run would take hours.
    portal.env |= {
        "GENERATE_RATE_LIMIT": "1000000/minute",
        "GENERATE_TIMEOUT_SECONDS": "1",
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


def schemathesis(portal: Portal, key: str, *, examples: int, seed: int, phases: str) -> Done:
    """So many examples for each operation, and as many stateful scenarios."""
    left_out = [f"--exclude-operation-id={name}" for name in LEFT_OUT]
    with tempfile.TemporaryDirectory() as folder:
        config, tally = Path(folder) / "schemathesis.toml", Path(folder) / "tally.json"
        config.write_text(_CONFIG)
        command = [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"),
            *(f"http://localhost:{portal.port}/v1/openapi.json", "--header", f"Authorization: Bearer {key}"),
            *("--checks=all", f"--phases={phases}", f"--max-examples={examples}", f"--seed={seed}", "--no-color"),
            *("--continue-on-failure", "--generation-database=none", "--suppress-health-check=all"),
            *("--request-timeout=60", *left_out),
        ]
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.schema.hooks", "PYTHONPATH": str(ROOT)}
        env["TALLY_FILE"] = str(tally)
        ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        counted: dict[str, Any] = json.loads(tally.read_text()) if tally.exists() else {}
    return Done(
        failed=ended.returncode != 0 or not counted,
        output=ended.stdout + ended.stderr,
        **{name: value if name == "scenarios" else Counter(value) for name, value in counted.items()},
    )


def stateful(portal: Portal, key: str, *, scenarios: int, seed: int) -> Done:
    """So many scenarios, in as many runs as it takes: one ends where a state that changed by itself surprises it."""
    done = Done()
    while done.scenarios < scenarios and not done.failed:
        wanted = scenarios - done.scenarios
        done += schemathesis(portal, key, examples=wanted, seed=seed, phases="stateful")
        seed += 1000
    return done


def troubles_of(portal: Portal) -> list[str]:
    """What the run left behind that should not be: failures of ours in the log, money that does not add up."""
    logs = [portal.log, *(Path(portal.env["VAR_DIR"]) / "log").glob("*.log")]
    found = [line for log in logs for line in log.read_text().splitlines() if _FAULT.search(line)]
    audit = portal.run("check_ledger")
    return found + ([] if audit.returncode == 0 else [audit.stdout + audit.stderr])
