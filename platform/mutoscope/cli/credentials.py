"""Who is signed in: the environment, else what `mutoscope login` has stored, readable by its owner alone."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import typer

from mutoscope.errors import ConfigurationError, FileError

URL_VARIABLE, KEY_VARIABLE = "MUTOSCOPE_BASE_URL", "MUTOSCOPE_API_KEY"
_KEY_PREFIX_PATTERN = re.compile(r"mts_[0-9a-f]+_")


@dataclass(frozen=True)
class Credentials:
    base_url: str
    api_key: str = field(repr=False)

    @property
    def masked_key(self) -> str:
        """The part of a key that is no secret: `mts_0a1b2c3d4e5f_…`. The secret may hold further underscores."""
        found = _KEY_PREFIX_PATTERN.match(self.api_key)
        return f"{found[0]}…" if found else "…"


def login_path() -> Path:
    return Path(typer.get_app_dir("mutoscope")) / "login.json"


def load_credentials() -> Credentials | None:
    """Raises ConfigurationError for a file that nobody can read."""
    path = login_path()
    try:
        found = json.loads(path.read_text("utf-8"))
        return Credentials(str(found["base_url"]), str(found["api_key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{path} cannot be read. Sign in again: mutoscope login") from None


def current_credentials() -> Credentials:
    """A key is sent to the server that it is of, and to no other. Raises ConfigurationError."""
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    login = None if url and key else load_credentials()
    if key:
        return Credentials(url or (login.base_url if login else "http://localhost:8000"), key)
    if login is None:
        raise ConfigurationError(f"You are not signed in. Run mutoscope login, or set {KEY_VARIABLE}.")
    if url and url.rstrip("/") != login.base_url:
        raise ConfigurationError(
            f"{URL_VARIABLE} is {url}, but you are signed in to {login.base_url}. "
            f"Sign in there with mutoscope login, or set {KEY_VARIABLE} too."
        )
    return login


def save_credentials(credentials: Credentials) -> Path:
    """Replaces what was load_credentials, in one step. Raises FileError."""
    path = login_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp's files are readable by their owner alone, from the first byte on.
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(credentials), file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def delete_credentials() -> bool:
    """Whether there was anything to delete_credentials."""
    with suppress(FileNotFoundError):
        login_path().unlink()
        return True
    return False
