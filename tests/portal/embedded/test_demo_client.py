"""The client of the demo."""

import os
import subprocess
import sys

import pytest

from portal.embedded.demo_client import Client, DemoError, wait_for
from tests.support.json_server import json_server
from tests.support.ports import own_port
from tests.support.proxies import DEAD_PROXY

VIDEO = {"id": "vid_1", "status": "queued", "progress": 0, "model": "i2vgen-xl"}
_PROGRAM = """
import sys
from portal.embedded.demo_client import Client
print(Client(sys.argv[1], "key").video("vid_1"))
"""


def test_no_proxy_is_used_for_the_portal() -> None:
    """In a process of its own: urllib reads the environment when the module is imported."""
    with json_server({"status": "queued"}) as port:
        command = [sys.executable, "-c", _PROGRAM, f"http://127.0.0.1:{port}"]
        environment = os.environ | DEAD_PROXY | {"PYTHONPATH": "platform"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "{'status': 'queued'}\n", done.stderr


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"i2vgen-xl": "The hub is unreachable."}, r"cannot work: The hub is unreachable\. .* use MODEL=camera"),
        ({"camera": "There is no space left on the disk."}, "still queued"),
    ],
)
def test_the_demo_ends_with_the_reason_if_the_model_cannot_be_loaded(errors: dict[str, str], message: str) -> None:
    with json_server(VIDEO | {"worker_errors": errors}) as port, pytest.raises(DemoError, match=message):
        wait_for(Client(f"http://127.0.0.1:{port}", "key"), VIDEO, timeout_seconds=2)


def test_a_health_check_without_errors_of_workers_does_not_end_the_demo() -> None:
    """Only requests from loopback get them, and an overloaded site is unhealthy for a moment."""
    with json_server(VIDEO) as port:
        assert Client(f"http://127.0.0.1:{port}", "key").worker_error("camera") == ""
    assert Client(f"http://127.0.0.1:{own_port()}", "key").worker_error("camera") == ""
