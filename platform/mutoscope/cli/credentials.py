"""The URL and the API key: from the environment, else from the file that `mutoscope login` wrote, with mode 0600."""

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
        """The public prefix of the key: `mts_0a1b2c3d4e5f_…`. The secret part may contain underscores, too."""
        prefix = _KEY_PREFIX_PATTERN.match(self.api_key)
        return f"{prefix[0]}…" if prefix else "…"


def login_path() -> Path:
    return Path(typer.get_app_dir("mutoscope")) / "login.json"


def load_credentials() -> Credentials | None:
    """Returns the stored credentials, or None. Raises ConfigurationError if the file cannot be read."""
    path = login_path()
    try:
        stored = json.loads(path.read_text("utf-8"))
        return Credentials(str(stored["base_url"]), str(stored["api_key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{path} cannot be read. Sign in again: mutoscope login") from None


def current_credentials() -> Credentials:
    """Returns the credentials in use. Raises ConfigurationError. A stored key is sent only to the server it is for."""
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    login = None if url and key else load_credentials()
    if key:
        return Credentials(url or (login.base_url if login else "http://localhost:8000"), key)
    if login is None:
        raise ConfigurationError(f"You are not signed in. Run mutoscope login, or set {KEY_VARIABLE}.")
    if url and url.rstrip("/") != login.base_url:
        raise ConfigurationError(
            f"{URL_VARIABLE} is {url}, but you are signed in to {login.base_url}. "
            f"Sign in to that server with mutoscope login, or set {KEY_VARIABLE}, too."
        )
    return login


def save_credentials(credentials: Credentials) -> Path:
    """Replaces the stored credentials atomically. Raises FileError."""
    path = login_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp creates the file with mode 0600, so the key is never readable by others.
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
    """Deletes the stored credentials. Returns whether there were any."""
    with suppress(FileNotFoundError):
        login_path().unlink()
        return True
    return False
