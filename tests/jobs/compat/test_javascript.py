"""JavaScript SDKs of other services, one process each. Their scripts are in the folder `javascript`."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.models import Job
from portal.docs.guides import snippet
from tests.portal.docs.printed import INTERPRETERS
from tests.support.people import Person
from tests.support.ports import own_port
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_openai(run_node: Callable[..., None], plain_portal: str, alice: Person, camera: Any) -> None:
    run_node("openai.mjs", SITE=plain_portal, KEY=alice.key)


def test_replicate(run_node: Callable[..., None], secure_portal: str, alice: Person, camera: Any) -> None:
    run_node("replicate.mjs", SITE=secure_portal, KEY=alice.key)


def test_fal(run_node: Callable[..., None], secure_portal: str, alice: Person, camera: Any) -> None:
    run_node("fal.mjs", SITE=secure_portal, KEY=alice.key)


def test_fal_by_way_of_the_proxy_of_the_guide(
    run_node: Callable[..., None], plain_portal: str, alice: Person, camera: Any, tmp_path: Path
) -> None:
    name, port = "sdk_fal_proxy.mjs", own_port()
    (tmp_path / name).write_text(snippet(name, site_url=plain_portal))
    env = {**os.environ, "PORT": str(port), "MUTOSCOPE_API_KEY": alice.key}
    proxy = subprocess.Popen([*INTERPRETERS[".mjs"], name], cwd=tmp_path, env=env)
    try:
        wait_until(lambda: _listens(port), 60)
        run_node("fal_proxy.mjs", PROXY=f"http://127.0.0.1:{port}/")
    finally:
        proxy.kill()
        proxy.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_fal_does_not_repeat_a_request_that_takes_too_long(
    run_node: Callable[..., None], live_process: Callable[..., Any], alice: Person
) -> None:
    live = live_process(GENERATE_TIMEOUT_SECONDS=1)
    run_node("fal_timeout.mjs", SITE=live.url, KEY=alice.key)
    assert Job.objects.count() == 1
