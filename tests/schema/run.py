"""Runs schemathesis with all its checks against a portal of real processes, with a key without a rate limit."""

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
# Operations that are tested elsewhere, and why.
EXCLUDED_OPERATIONS = {
    "videos_events": "its response lasts as long as the video's generation; see tests/jobs/videos/api/test_events.py",
}
_SERVER_ERROR = re.compile(r"Traceback \(most recent call last\)|status=5\d\d|\" 5\d\d ")
# Generated keys would only be refused. `ignored_auth` checks requests without a key.
# Invalid cases end a scenario if nothing about the next request can be made invalid: the other phases, which know the
# ids of earlier responses, send those.
_CONFIG = """
[generation]
with-security-parameters = false

[phases.stateful]
max-steps = 40

[phases.stateful.generation]
mode = "positive"
"""


@dataclass
class RunResult:
    """The result of one or more runs, with counts of the requests that were sent. See statistics_handler.py."""

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
            f"chains of up to {deepest} requests\n"
            f"sent again under their Idempotency-Key: {self.repeats.total()}\n"
            f"statuses: {statuses}"
        )


@contextmanager
def running_portal() -> Iterator[tuple[Portal, str]]:
    """Run a portal and yield it with a key of a team without limits."""
    folder = Path(tempfile.mkdtemp(prefix="mts-fuzz-"))
    portal = Portal(folder)
    # Requests that wait for a video time out soon, or the run would take hours.
    portal.env |= {
        "GENERATE_RATE_LIMIT": "1000000/minute",
        "GENERATE_TIMEOUT_SECONDS": "1",
        "STARTING_CREDITS": "100000000",
    }
    try:
        portal.copy_database()
        portal.start()
        key = portal.run("create_key", f"--email={OWNER}").stdout.strip()
        limits = ["--set=requests_per_minute=", "--set=max_queued=1000000", f"--assign={OWNER}"]
        portal.run("plan", "fuzz", *limits).check_returncode()
        yield portal, key
    finally:
        portal.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


def schemathesis(portal: Portal, key: str, *, examples: int, seed: int, phases: str) -> RunResult:
    """Run schemathesis with this number of examples for each operation, or of stateful scenarios."""
    excluded = [f"--exclude-operation-id={name}" for name in EXCLUDED_OPERATIONS]
    with tempfile.TemporaryDirectory() as folder:
        config, statistics = Path(folder) / "schemathesis.toml", Path(folder) / "statistics.json"
        config.write_text(_CONFIG)
        command = [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"),
            *(f"http://localhost:{portal.port}/v1/openapi.json", "--header", f"Authorization: Bearer {key}"),
            *("--checks=all", f"--phases={phases}", f"--max-examples={examples}", f"--seed={seed}", "--no-color"),
            *("--continue-on-failure", "--generation-database=none", "--suppress-health-check=all"),
            *("--request-timeout=60", *excluded),
        ]
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.schema.hooks", "PYTHONPATH": str(ROOT)}
        env["STATISTICS_FILE"] = str(statistics)
        ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        counted: dict[str, Any] = json.loads(statistics.read_text()) if statistics.exists() else {}
    fields: dict[str, Any] = {name: value if name == "scenarios" else Counter(value) for name, value in counted.items()}
    return RunResult(
        failed=ended.returncode != 0 or not counted,
        output=ended.stdout + ended.stderr,
        **fields,
    )


def stateful(portal: Portal, key: str, *, scenarios: int, seed: int) -> RunResult:
    """Run at least this number of scenarios. A run ends early if a state changes by itself."""
    done = RunResult()
    while done.scenarios < scenarios and not done.failed:
        remaining = scenarios - done.scenarios
        done += schemathesis(portal, key, examples=remaining, seed=seed, phases="stateful")
        seed += 1000
    return done


def problems_of(portal: Portal) -> list[str]:
    """Return server errors in the logs, and discrepancies of the ledger."""
    logs = [portal.log, *(Path(portal.env["VAR_DIR"]) / "log").glob("*.log")]
    found = [line for log in logs for line in log.read_text().splitlines() if _SERVER_ERROR.search(line)]
    check = portal.run("check_ledger")
    return found + ([] if check.returncode == 0 else [check.stdout + check.stderr])
