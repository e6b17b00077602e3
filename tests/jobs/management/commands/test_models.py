"""`manage.py models`: what it prints and its exit codes."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from huggingface_hub import constants

from inference.models.catalogue import MODELS
from jobs.models import Worker
from tests.support.hub_server import COMMIT, LARGEST, REPOSITORY, HubServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_wan")]


@pytest.fixture
def own_wan(hub: HubServer, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model `own-wan` whose weights the hub has."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    model = MODELS["wan-ti2v-5b"].model_copy(update={"name": "own-wan", "weights": REPOSITORY})
    monkeypatch.setitem(MODELS, "own-wan", model)
    settings.MODELS_DIR, settings.MODELS_MIRROR = str(tmp_path / "models"), hub.url


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("models", *arguments, stdout=output)
    return output.getvalue()


def fail(*arguments: str) -> tuple[int, str]:
    """Return the exit code and the message of a command that fails."""
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode, str(caught.value)


def listed() -> dict[str, Any]:
    rows = json.loads(run("list", "--json"))["models"]
    return next(row for row in rows if row["name"] == "own-wan")


def test_from_fetch_to_remove(capfd: pytest.CaptureFixture[str], settings: Any) -> None:
    before = listed()
    assert (before["state"], before["commit"], before["size_bytes"]) == ("missing", "", 0)
    assert fail("verify", "own-wan") == (3, f"The weights {REPOSITORY} are not installed.")
    assert "own-wan: installed in" in run("fetch", "own-wan")
    after = listed()
    assert (after["state"], after["commit"], after["weights"]) == ("installed", COMMIT, REPOSITORY)
    assert after["verified_at"]
    table = run("list")
    assert "camera" not in table
    (line,) = [line for line in table.splitlines() if line.startswith("own-wan ")]
    assert line.split()[:3] == ["own-wan", REPOSITORY, COMMIT[:12]]
    assert f"{COMMIT[:12]}  0.6 MB  installed, verified 20" in line
    assert "all files have their checksums" in run("verify", "own-wan")
    file = Path(after["folder"]) / LARGEST
    file.write_bytes(bytes(file.stat().st_size))
    code, message = fail("verify", "own-wan")
    assert (code, LARGEST in message, "fetch --repair own-wan" in message) == (3, True, True)
    run("fetch", "own-wan", "--repair")
    run("verify", "own-wan")
    assert "own-wan: 0.6 MB removed" in run("remove", "own-wan")
    assert listed()["state"] == "missing"
    assert capfd.readouterr().err == ""  # no bar without a terminal


def test_what_does_not_work_is_said(settings: Any, tmp_path: Path) -> None:
    assert fail("fetch", "camera") == (1, "camera has no weights.")
    assert fail("fetch", "sora")[0] == 1
    settings.MODELS_MIRROR = "http://127.0.0.1:9"
    code, message = fail("fetch", "own-wan")
    assert (code, "Check the connection to the hub" in message) == (1, True)
    assert "has no someone/a-model" in fail("fetch", "own-wan", "--mirror", str(tmp_path))[1]
    with pytest.raises(CommandError, match="required"):
        run()


def test_weights_in_use_are_not_removed(settings: Any) -> None:
    run("fetch", "own-wan")
    worker = Worker.objects.create(
        name="gpu-1", pool="gpu", model="own-wan", device="cuda:0", last_heartbeat_at=timezone.now()
    )
    code, message = fail("remove", "own-wan")
    assert (code, "in use: worker gpu-1." in message) == (4, True)
    worker.delete()
    MODELS["other-wan"] = MODELS["own-wan"].model_copy(update={"name": "other-wan"})
    try:
        settings.MODELS_ENABLED = ["other-wan"]
        assert fail("remove", "own-wan") == (
            4, "The weights of own-wan are in use: model other-wan. Stop this use, or add --force.",
        )  # fmt: skip
        assert "removed" in run("remove", "own-wan", "--force")
    finally:
        del MODELS["other-wan"]
