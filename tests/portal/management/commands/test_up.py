"""`manage.py up`, as a real process tree."""

import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from portal.embedded.environment import has_gpu
from tests.support.portal_process import SHUTDOWN_TIMEOUT_SECONDS, WAIT_TIMEOUT_SECONDS, Portal, wait_for
from tests.support.ports import own_port


@pytest.fixture(scope="module")
def portal(new_portal: Callable[[], Portal]) -> Portal:
    """A running portal, for the tests that do not stop it."""
    portal = new_portal()
    portal.start()
    return portal


def test_it_prints_its_url_when_it_is_ready(portal: Portal) -> None:
    wait_for(lambda: f"ready: http://localhost:{portal.port}" in portal.log.read_text(), seconds=20)


def test_a_second_portal_in_the_same_folder_is_refused(portal: Portal) -> None:
    second = portal.run("up", f"--port={own_port()}")

    assert second.returncode == 1
    assert f"already running in {portal.env['VAR_DIR']}" in second.stderr
    assert "Traceback" not in second.stderr
    assert portal.responds()


def test_a_port_in_use_is_refused_before_anything_starts(portal: Portal) -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as other:
        refused = portal.run("up", f"--port={portal.port}", VAR_DIR=other)

        assert refused.returncode == 1
        assert f"Port {portal.port} is in use" in refused.stderr
        assert "--port" in refused.stderr
        assert "PORT" in refused.stderr
        assert not (Path(other) / "postgres").exists()


def test_a_crashed_child_is_restarted(portal: Portal) -> None:
    killed = portal.web()
    killed.kill()

    wait_for(lambda: portal.responds() and portal.web() != killed, seconds=40)


def test_other_commands_find_the_running_portal(portal: Portal) -> None:
    created = portal.run("create_key", "--email=alice@example.com")

    assert created.returncode == 0, created.stderr
    assert created.stdout.startswith("mts_")
    assert created.stdout.count("\n") == 1


def test_its_secrets_are_readable_only_by_the_owner(portal: Portal) -> None:
    assert (Path(portal.env["VAR_DIR"]) / "embedded.env").stat().st_mode & 0o077 == 0


def test_after_a_kill_of_everything_it_starts_again_and_ctrl_c_stops_it(new_portal: Callable[[], Portal]) -> None:
    portal = new_portal()
    portal.copy_database()
    portal.start()
    secret = (Path(portal.env["VAR_DIR"]) / "embedded.env").read_text()
    killed = portal.tree()
    assert len(killed) > 5
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=WAIT_TIMEOUT_SECONDS)

    portal.start()
    assert (Path(portal.env["VAR_DIR"]) / "embedded.env").read_text() == secret
    processes = portal.tree()
    assert portal.process
    portal.process.send_signal(signal.SIGINT)

    _gone, remaining = psutil.wait_procs(processes, timeout=SHUTDOWN_TIMEOUT_SECONDS)
    assert remaining == []
    assert portal.process.wait() == 0


def test_children_stop_with_a_killed_supervisor(new_portal: Callable[[], Portal]) -> None:
    portal = new_portal()
    portal.copy_database()
    portal.start()
    processes = portal.tree()
    assert portal.process
    portal.process.kill()

    _gone, remaining = psutil.wait_procs(processes, timeout=SHUTDOWN_TIMEOUT_SECONDS)
    assert remaining == []


def test_commands_without_servers_explain_what_to_start() -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as folder:
        refused = Portal(Path(folder)).run("create_key", "--email=alice@example.com")

    assert refused.returncode == 1
    assert "manage.py up" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"MODEL": "camra", "MODELS_ENABLED": ""}, "MODEL is 'camra', which is not a model. Known models: "),
        ({"MODEL": "i2vgen-xl"}, "MODEL is 'i2vgen-xl', which is not in MODELS_ENABLED (camera)."),
        pytest.param(
            {"MODEL": "i2vgen-xl", "MODELS_ENABLED": ""},
            "Use MODEL=camera",
            marks=pytest.mark.skipif(has_gpu(), reason="this machine has a GPU"),
        ),
        ({"MODELS_ENABLED": "camera,dolly"}, "MODELS_ENABLED contains 'dolly', which is not a model. Known models: "),
        ({"DEFAULT_MODEL": "i2vgen-xl"}, "DEFAULT_MODEL is 'i2vgen-xl', which is not in MODELS_ENABLED (camera)."),
        ({"VAR_DIR": "/proc/x"}, "/proc/x cannot be written"),
    ],
)
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_wrong_setting_is_refused_before_anything_starts(command: str, env: dict[str, str], message: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as folder:
        refused = Portal(Path(folder)).run(command, f"--port={own_port()}", **env)
        assert list(Path(folder).iterdir()) == []

    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""
