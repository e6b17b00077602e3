"""Checks with a timeout: concurrent callers share a run, and an unresponsive server blocks no caller."""

import threading
from collections.abc import Iterator

import pytest

from portal.web.timed_check import TimedCheck


class Server:
    """Responds once it is released; counts the checks that have reached it."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.reached = threading.Semaphore(0)
        self.checks = 0

    def check(self) -> str:
        self.checks += 1
        self.reached.release()
        self.released.wait(60)
        return f"response {self.checks}"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.released.set()


def test_the_result_is_returned() -> None:
    assert TimedCheck(lambda: "well", timeout_seconds=60)() == "well"


def test_the_error_of_the_check_is_raised() -> None:
    def fail() -> None:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError, match="refused"):
        TimedCheck(fail, timeout_seconds=60)()


def test_a_server_that_does_not_respond_is_checked_once(server: Server) -> None:
    check = TimedCheck(server.check, timeout_seconds=0.01)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            check()
    assert server.reached.acquire(timeout=60)
    assert server.checks == 1


def test_callers_at_the_same_time_share_a_run(server: Server) -> None:
    check = TimedCheck(server.check, timeout_seconds=60)
    first, second = check.start(), check.start()
    assert first is second
    server.released.set()
    assert first.result(60) == "response 1"


def test_the_next_caller_starts_a_new_run(server: Server) -> None:
    check = TimedCheck(server.check, timeout_seconds=60)
    server.released.set()
    assert [check(), check()] == ["response 1", "response 2"]
