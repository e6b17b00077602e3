"""The check of the container of the web process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tests.support.json_server import json_server
from tests.support.ports import own_port
from tests.support.proxies import DEAD_PROXY


def _is_healthy(port: int) -> bool:
    """Run the command of HEALTHCHECK for a server at another port, with a proxy in the environment."""
    dockerfile = (Path(settings.ROOT) / "deploy" / "web.Dockerfile").read_text()
    found = re.search(r"^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert found
    program, *arguments = json.loads(found[1].replace("localhost:8000", f"localhost:{port}"))
    assert program == "python"
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=os.environ | DEAD_PROXY, timeout=60, check=False).returncode == 0


def test_the_health_check_uses_no_proxy() -> None:
    with json_server({}) as port:
        assert _is_healthy(port)
    assert not _is_healthy(own_port())
