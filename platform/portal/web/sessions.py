"""Database sessions; a cookie that is not a valid session key never reaches the database."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

_SESSION_KEY_PATTERN = re.compile(r"[a-z0-9]{32}")


class SessionStore(DatabaseSessionStore):
    """Django's session store with a stricter check of keys: a NUL in a key is a database error, and so a 500."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and _SESSION_KEY_PATTERN.fullmatch(key) is not None
