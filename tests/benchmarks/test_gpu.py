"""The GPU benchmark rehearses all its sections on a CPU, without packages that a machine with a GPU may lack."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# The site, its servers, PyAV and decoders of images.
ABSENT = ("django", "av", "redis", "rq", "boto3", "pillow_heif", "structlog")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The files of a whole rehearsal and of one without time, both of one process: the imports take longest."""
    folder = tmp_path_factory.mktemp("gpu")
    program = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({ABSENT!r}))\n"  # None in sys.modules makes the import fail
        "for name, budget in ('whole', '540'), ('short', '0'):\n"
        f"    sys.argv = ['', '--rehearse', '--out', {str(folder)!r} + f'/{{name}}.json', '--budget-seconds', budget]\n"
        "    try:\n"
        "        runpy.run_path('tests/benchmarks/gpu.py', run_name='__main__')\n"
        "    except SystemExit as error:\n"
        "        assert error.code == 0, error.code\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=600)
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.process
def test_every_section_runs_in_a_rehearsal(results: dict[str, Any]) -> None:
    result = results["whole"]
    assert (result["rehearsal"], result["text_encoder"]) == (True, "tiny")
    assert set(result["models"]) == {"wan-ti2v-5b", "wan-i2v-a14b", "i2vgen-xl"}
    for sections in result["models"].values():
        assert set(sections) == {"build", "load", "presets", "cancel", "complete"}
        preset = sections["presets"]["rehearsal"]
        assert preset["step_seconds"] > 0
        assert preset["total_seconds_extrapolated"] > preset["step_seconds"]
        assert preset["peak_mb_of_descriptor"] > 0
        assert len(sections["cancel"]["latency_seconds"]) == 3
        assert sections["complete"]["preset"] == "rehearsal"


@pytest.mark.process
def test_no_section_starts_after_the_time_budget(results: dict[str, Any]) -> None:
    models = results["short"]["models"]
    assert models["wan-ti2v-5b"] == {"build": {"skipped": "the time budget is used up"}}
