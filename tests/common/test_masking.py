"""Secrets in log lines, whatever wrote the line; and the search of the suite for secrets in its logs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from common.masking import HIDDEN, mask_secrets
from tests.support.interpreter import ROOT

# Parameters of routes that open something to anyone who has them.
SECRET_PARAMETERS = {"secret", "token", "uidb36"}
SECRET = "Abc-123_xyz"


@pytest.mark.parametrize(
    "line",
    [
        "/join/{}",
        "/JOIN/{}",
        "//join//{}",
        "/join/ {}",
        "/join/{}/no/such/page",
        "Forbidden (CSRF cookie not set.): /join/{}",
        "Referer checking failed - https://example.com/s/{} does not match any trusted origins.",
        '{{"path": "/s/{}", "status": 404}}',
        '{{"exc_value": "KeyError(\\"/s/{}\\")"}}',
        "path=\x1b[35m/s/{}/vid_1/content\x1b[0m status=200",
        "/accounts/password/reset/key/1-{}/",
        "/accounts/password/reset/key/1-{}",
        "/accounts/confirm-email/{}/",
        "GET /v1/videos/vid_1/content?variant=video&token=7.1790000000.{} HTTP/1.1",
        "https://bucket.example.com/a.mp4?X-Amz-Signature={}&x=1",
        "/accounts/oidc/company/login/callback/?code={}&state={}",
        "invalid key mts_0123456789ab_{}",
        "whsec_{}+/==",
    ],
)
def test_a_secret_is_hidden(line: str) -> None:
    masked = mask_secrets(line.format(SECRET, SECRET))
    assert SECRET not in masked
    assert HIDDEN in masked


@pytest.mark.parametrize("line", ["/history", "/videos/vid_1?page=2", "/v1/videos?status=queued", "mts_ is a prefix"])
def test_other_text_stays(line: str) -> None:
    assert mask_secrets(line) == line


def test_the_rest_of_the_line_stays() -> None:
    assert mask_secrets('"path": "/s/abc/vid_1", "status": 404') == f'"path": "/s/{HIDDEN}/vid_1", "status": 404'


def test_a_long_line_takes_linear_time() -> None:
    started = time.process_time()
    for line in ("/s/" * 300_000, "?token" * 200_000, "?" + "a" * 1_000_000, "mts_0" * 200_000):
        mask_secrets(line)
    assert time.process_time() - started < 5


def secret_routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    """Return an example path of every route with a secret parameter."""
    found: list[str] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            found += secret_routes(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern) and SECRET_PARAMETERS & set(entry.pattern.regex.groupindex):
            found.append(prefix + str(entry.pattern))
    return found


def test_every_route_with_a_secret_is_masked() -> None:
    routes = secret_routes(get_resolver())
    assert {"join/<str:secret>", "s/<str:token>"} <= set(routes)
    for route in routes:
        if route.startswith("admin/"):
            continue
        path = "/" + route.replace("^", "").split("<")[0].split("(")[0] + SECRET
        assert SECRET not in mask_secrets(path), route


LEAKING_TESTS = """
import logging, secrets, subprocess, sys

def test_logging():
    logging.lastResort.emit(logging.makeLogRecord({"msg": secrets.token_urlsafe(32)}))

def test_standard_error_of_a_child():
    subprocess.run([sys.executable, "-c", f"import sys; print({secrets.token_urlsafe(32)!r}, file=sys.stderr)"])

def test_log_file_of_a_process(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "worker.log").write_text(f"line\\nkey {secrets.token_urlsafe(32)}\\n")

def test_secret_of_another_process():
    subprocess.run([sys.executable, "-c", "import sys; print('GET /join/Abc-123_xyz', file=sys.stderr)"])

def test_no_secret(tmp_path):
    (tmp_path / "worker.log").write_text("GET /join/[hidden]")
    logging.error("%s characters", len(secrets.token_urlsafe(32)))
"""


@pytest.mark.process
def test_the_suite_finds_secrets_in_the_logs_of_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_leaks.py").write_text(LEAKING_TESTS)
    plugins = "-p tests.support.secrets_in_logs -p no:django -p no:randomly -n 2 -rE --color=no"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, *plugins.split(), tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "5 passed, 4 errors" in run.stdout, run.stdout
    assert "test_no_secret" not in run.stdout, run.stdout
