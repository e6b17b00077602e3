"""A short run of the harness, as a process of its own with its own servers and settings."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]


def test_twenty_kills_violate_no_invariant() -> None:
    """With two models, so that faults hit swaps, too."""
    command = [sys.executable, "-m", "tests.chaos", "--kills", "20", "--jobs", "70", "--seed", "1", "--models", "2"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert "violations  none" in run.stdout
