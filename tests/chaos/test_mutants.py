"""The harness can fail: without a protection it finds the violations that the protection prevents, with it none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TWO_CLOSINGS = "one reserve and one closing row for each job"
WRONG_RESULT = "the published result is playable, this job's, and the final attempt's"


def test_the_lack_of_each_protection_is_detected() -> None:
    command = [sys.executable, "-m", "tests.chaos.mutants"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    found = json.loads(run.stdout)
    for unmodified in ("zombie", "cut off", "no response", "wake-up missed"):
        assert found[unmodified] == {}, run.stdout
    assert WRONG_RESULT in found["zombie, no fence"], run.stdout
    assert TWO_CLOSINGS not in found["zombie, no fence at all, but the closing index"], run.stdout
    assert TWO_CLOSINGS in found["zombie, no fence at all, no closing index"], run.stdout
    overlap = "no engine continues a job that passed to another attempt"
    assert overlap in found["cut off, no self-check"], run.stdout
    assert "every accepted job is in a terminal state" in found["wake-up missed, no top-up and no polling"], run.stdout
