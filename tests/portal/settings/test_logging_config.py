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


def test_no_line_contains_the_secret_of_a_url() -> None:
    code = (
        PREPARE + "from django.test import Client\n"
        "client = Client(enforce_csrf_checks=True)\n"
        "paths = ['/join/c0ffee-1', '/join/c0ffee-1/', '/s/c0ffee-1/a/b/c/d', '/S/c0ffee-1',"
        " '/accounts/password/reset/key/1-c0ffee-1/', '/accounts/password/reset/key/1-c0ffee-1']\n"
        "for path in paths:\n"
        "    client.get(path), client.post(path)\n"
        "    client.post('/', headers={'referer': f'https://testserver{path}'}, secure=True)\n"
        "    for name in ('django.request', 'django.security.csrf', 'django.server', 'uvicorn.error'):\n"
        "        logging.getLogger(name).error('Internal Server Error: %s', path)\n"
        "    try:\n"
        "        raise ValueError(path)\n"
        "    except ValueError:\n"
        "        logging.getLogger('x').exception('failed')\n"
    )
    for as_json in ("0", "1"):
        lines = run(code, LOG_JSON=as_json, DEBUG="1")
        assert sum("CSRF" in line or "csrf" in line for line in lines) >= 6
        assert sum("[hidden]" in line for line in lines) >= 40
        assert not [line for line in lines if "c0ffee" in line]


def test_an_unknown_host_name_is_one_warning_without_a_traceback() -> None:
    code = (
        PREPARE + "from django.test import Client; print(Client(headers={'host': 'evil.example'}).get('/').status_code)"
    )
    lines = [json.loads(line) for line in run(code, LOG_JSON="1", DEBUG="1")]
    (warning,) = [line for line in lines if line["event"] != "request_finished"]
    assert warning["level"] == "warning"
    assert "evil.example" in warning["event"]
    assert "exception" not in warning
