"""The check of an upstream server."""

import threading
from collections.abc import Iterator

import pytest

from common.messages import Message
from inference.engines.upstream.options import UpstreamOptions
from jobs.worker import server_check
from jobs.worker.server_check import ServerCheck
from tests.support.upstream_server import UpstreamServer
from tests.support.workers import wait_until


@pytest.fixture
def check(studio_server: UpstreamServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerCheck]:
    for name in ("_CHECK_INTERVAL_SECONDS", "_RECOVERY_CHECK_INTERVAL_SECONDS"):
        monkeypatch.setattr(server_check, name, 0.05)
    monkeypatch.setattr(server_check, "_DENIAL_SECONDS", 0.5)
    check = ServerCheck(UpstreamOptions.parse(studio_server.options), model="studio")
    check.start()
    wait_until(lambda: check.state.is_available is not None)
    yield check
    check.stop()
    check.join()


def test_a_server_that_goes_and_comes_back(studio_server: UpstreamServer, check: ServerCheck) -> None:
    assert (check.state.is_available, check.error) == (True, None)
    changed_at = check.state.changed_at
    studio_server.kill()
    wait_until(lambda: check.error)
    assert (str(check.error), check.state.is_available) == (
        "The upstream server cannot be reached (ConnectError).",
        False,
    )
    assert check.state.changed_at > changed_at
    studio_server.start()
    wait_until(lambda: check.state.is_available)
    assert check.error is None


def test_a_key_that_is_changed(studio_server: UpstreamServer, check: ServerCheck) -> None:
    key = studio_server.folder / "key"
    right = key.read_text()
    for wrong, problem in (("another-secret", "denies access: Invalid key Bearer …"), (None, "FileNotFoundError")):
        if wrong is None:
            key.unlink()
        else:
            key.write_text(wrong)
        wait_until(lambda: problem in str(check.error))  # noqa: B023 (runs within this iteration)
    key.write_text(right)
    wait_until(lambda: check.state.is_available)


def test_a_server_that_denies_videos_alone(check: ServerCheck) -> None:
    """It shows its models to everybody. After a while, a video shows whether it still denies them."""
    check.note_denial(Message("No."))
    assert not threading.Event().wait(0.2)
    assert (str(check.error), check.state.is_available) == ("No.", False)
    wait_until(lambda: check.state.is_available)
