"""The format of the logs of every process, and the values that they never contain."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = pytest.mark.process

PREPARE = "import django; django.setup(); import logging\n"
FAIL = """
def sign_in(password):
    word = password.upper()
    raise ValueError("no such account")
try:
    sign_in("hunter2" + "-local")
except ValueError:
    logging.getLogger("x").exception("failed")
    import structlog
    structlog.get_logger("y").exception("failed")
"""


def run(code: str, **env: str) -> list[str]:
    """Run a process with the site's settings; return what it writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": os.pathsep.join(sys.path)} | env,
        cwd=settings.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize("as_json", ["0", "1"])
def test_a_traceback_shows_no_local_variables(as_json: str) -> None:
    output = "\n".join(run(PREPARE + FAIL, LOG_JSON=as_json))
    assert output.count("no such account") >= 2
    assert "sign_in" in output
    assert "hunter2-local" not in output
    assert "HUNTER2-LOCAL" not in output


def test_with_json_the_lines_of_every_server_are_json() -> None:
    code = PREPARE + "\n".join(
        f"logging.getLogger({name!r}).warning('hello %s', 'you')" for name in ("uvicorn.error", "gunicorn.error", "rq")
    )
    uvicorn = "from uvicorn.config import Config; Config('portal.asgi:application').load()\n"
    lines = [json.loads(line) for line in run(uvicorn + code, LOG_JSON="1")]
    assert [(line["logger"], line["event"]) for line in lines] == [
        ("uvicorn.error", "hello you"),
        ("gunicorn.error", "hello you"),
        ("rq", "hello you"),
    ]


def test_the_arbiter_of_gunicorn_writes_json_too() -> None:
    code = (
        "from gunicorn.config import Config\n"
        "from portal.web.gunicorn_logs import Logger\n"
        "Logger(Config()).info('Listening')"
    )
    (line,) = run(code, LOG_JSON="1")
    assert json.loads(line)["event"] == "Listening"


def test_an_unknown_host_name_is_one_warning_without_a_traceback() -> None:
    code = (
        PREPARE + "from django.test import Client; print(Client(headers={'host': 'evil.example'}).get('/').status_code)"
    )
    lines = [json.loads(line) for line in run(code, LOG_JSON="1", DEBUG="1")]
    (warning,) = [line for line in lines if line["event"] != "request_finished"]
    assert warning["level"] == "warning"
    assert "evil.example" in warning["event"]
    assert "exception" not in warning
