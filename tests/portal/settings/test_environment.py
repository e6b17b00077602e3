"""A value that a setting cannot have stops the start, and the message names the setting and what it must be."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import Environment, InvalidSettingError

LEVELS = ("DEBUG", "INFO")
Read = Callable[[Environment], Any]


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ("a, localhost,", lambda env: env.hosts("X", default=[]), ["a", "localhost"]),
        ("*,.Example.com,[::1]", lambda env: env.hosts("X", default=[]), ["*", ".example.com", "[::1]"]),
        ("", lambda env: env.list("X", default=["a"]), []),
        (" a = b , c=d=e", lambda env: env.dict("X", default={}), {"a": "b", "c": "d=e"}),
        ("HTTPS://Example.COM:8443/", lambda env: env.http_url("X"), "https://example.com:8443"),
        ("/mnt/models/", lambda env: env.location("X"), "/mnt/models"),
        ("s3://models/hub", lambda env: env.location("X"), "s3://models/hub"),
        ("https://Hub.example.com/", lambda env: env.location("X"), "https://hub.example.com"),
        ("", lambda env: env.location("X"), ""),
        ("1e3", lambda env: env.float("X", default=1), 1000),
        ("", lambda env: env.float("X", default=1), 1),
        ("", lambda env: env.http_url("X"), ""),
        (" ", lambda env: env.int("X", default=7), 7),
        ("Yes", lambda env: env.bool("X", default=False), True),
        ("off", lambda env: env.bool("X", default=True), False),
        ("info", lambda env: env.choice("X", LEVELS, default="DEBUG"), "INFO"),
        ("$ecret", lambda env: env.str("X", default=""), "$ecret"),
        ("10.1.2.3/8", lambda env: env.networks("X", default=[]), ["10.0.0.0/8"]),
        ("5/hour", lambda env: env.rate("X", default="1/day"), "5/hour"),
        ("rediss://:p@h:1/2?x=1", lambda env: env.redis_url("X"), "rediss://:p@h:1/2?x=1"),
    ],
    ids=map(str, itertools.count()),
)
def test_values(text: str, read: Read, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", text)
    assert read(Environment()) == value


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://example.com", lambda env: env.hosts("X", default=[])),
        ("example.com:8000", lambda env: env.hosts("X", default=[])),
        ("a b", lambda env: env.hosts("X", default=[])),
        ("a", lambda env: env.dict("X", default={})),
        ("example.com", lambda env: env.http_url("X")),
        ("ftp://example.com", lambda env: env.http_url("X")),
        ("https://example.com?x=1", lambda env: env.http_url("X")),
        ("https://example.com:port", lambda env: env.http_url("X")),
        ("models", lambda env: env.location("X")),
        ("ftp://example.com", lambda env: env.location("X")),
        ("s3:///models", lambda env: env.location("X")),
        ("s3://key:secret@models", lambda env: env.location("X")),
        ("//host/models", lambda env: env.location("X")),
        ("example.com", lambda env: env.origins("X", default=[])),
        ("30s", lambda env: env.float("X", default=1)),
        ("nan", lambda env: env.float("X", default=1)),
        ("inf", lambda env: env.float("X", default=1)),
        ("-1", lambda env: env.float("X", default=1)),
        ("61", lambda env: env.float("X", default=1, maximum=60)),
        ("1.5", lambda env: env.int("X", default=1)),
        ("0", lambda env: env.int("X", default=1, minimum=1)),
        ("ture", lambda env: env.bool("X", default=False)),
        ("2", lambda env: env.bool("X", default=False)),
        ("loud", lambda env: env.choice("X", LEVELS, default="INFO")),
        ("a\nb", lambda env: env.str("X", default="")),
        ("10.0.0.0/40", lambda env: env.networks("X", default=[])),
        ("10/mintue", lambda env: env.rate("X", default="1/day")),
        ("localhost:6379", lambda env: env.redis_url("X")),
        ("redis://h:port/0", lambda env: env.redis_url("X")),
        ("", lambda env: env.redis_url("X")),
        ("mysql://a@b/c", lambda env: env.db("X")),
        ("postgres://a@b/", lambda env: env.db("X")),
        ("carrier-pigeon://x", lambda env: env.email("X", default="smtp://localhost:25")),
    ],
    ids=map(str, itertools.count()),
)
def test_invalid_values(text: str, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", text)
    with pytest.raises(InvalidSettingError, match=r"^X is not valid\. It must be "):
        read(Environment())


def test_a_required_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X", raising=False)
    with pytest.raises(ImproperlyConfigured, match="Set the X environment variable"):
        Environment().str("X")


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_the_line_break_at_the_end_of_a_file_is_not_part_of_the_value(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" se cret " + end.encode())
    monkeypatch.setenv("X_FILE", str(file))
    assert Environment().str("X") == " se cret "


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("X_FILE", str(file))
    with pytest.raises(InvalidSettingError, match="X_FILE is not valid"):
        Environment().str("X")


@pytest.mark.process
def test_a_command_ends_with_the_message_alone() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "GENERATE_RATE_LIMIT": "10/mintue"},
        cwd=settings.ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "GENERATE_RATE_LIMIT is not valid. It must be a number and a period, such as 10/minute."
    )
