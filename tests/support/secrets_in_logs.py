"""Fails a test whose logs contain a secret.

A secret is what the functions of `_MAKERS` returned in this process since the module's first test: parts of API keys,
invitations, share links, signed URLs and links for new passwords, sessions, and signing secrets of webhooks. It is also
whatever `mask_secrets` would hide, because other processes make secrets, too.

Searched are the standard error of a test and of the processes that inherit it, the log files in its temporary folder,
and those of the PostgreSQL and Valkey of the run. A fixture with log files elsewhere calls `check_logs` at its end.
"""

import base64
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.sessions.backends.base import SessionBase
from django.core.signing import Signer

from common.masking import mask_secrets

# Shorter values would be found by chance.
_MIN_LENGTH = 12
_MAKERS = (
    (secrets, "token_urlsafe"),
    (secrets, "token_bytes"),
    (Signer, "signature"),
    (PasswordResetTokenGenerator, "make_token"),
    (SessionBase, "_get_new_session_key"),
)
made_secrets: set[str] = set()


def leaking_lines(text: str) -> list[str]:
    """Return the lines that contain a secret."""
    leaked = [secret for secret in made_secrets if secret in text]
    return [
        line for line in text.splitlines() if mask_secrets(line) != line or any(secret in line for secret in leaked)
    ]


def check_logs(*folders: Path, texts: Iterable[str] = ()) -> None:
    """Fail if a log file in one of the folders, or a text, contains a secret."""
    files = [path for folder in folders for path in folder.rglob("*log") if path.is_file()]
    logs = [path.read_text(errors="replace") for path in files]
    lines = [line for text in (*texts, *logs) for line in leaking_lines(text)]
    if lines:
        pytest.fail("\n".join([f"{len(lines)} log line(s) contain a secret:", *lines[:3]]), pytrace=False)


def _recording(make: Callable[..., Any]) -> Callable[..., Any]:
    def record(*args: Any, **kwargs: Any) -> Any:
        value = make(*args, **kwargs)
        text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        if len(text) >= _MIN_LENGTH:
            made_secrets.add(text)
        return value

    return record


@pytest.fixture(scope="session", autouse=True)
def _record_secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in _MAKERS:
            patch.setattr(owner, name, _recording(getattr(owner, name)))
        yield


@pytest.fixture(scope="module", autouse=True)
def _checked_servers() -> Iterator[None]:
    made_secrets.clear()
    logs = {path: path.stat().st_size for path in Path(os.environ["TEST_SERVERS_DIR"], "log").glob("*.log")}
    yield
    check_logs(texts=[path.read_bytes()[start:].decode(errors="replace") for path, start in logs.items()])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Search the logs of a test after its fixtures, which end its processes."""
    folders = [value for name, value in getattr(item, "funcargs", {}).items() if name == "tmp_path"]
    yield
    check_logs(*folders, texts=[text for _phase, stream, text in item._report_sections if stream == "stderr"])
