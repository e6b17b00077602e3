"""Sessions in the database; a cookie that is no key of ours never reaches it."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

_SESSION_KEY_PATTERN = re.compile(r"[a-z0-9]{32}")


class SessionStore(DatabaseSessionStore):
    """Django's, but for what it takes for a key: a NUL in one is an error of the database's, and so a 500."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and _SESSION_KEY_PATTERN.fullmatch(key) is not None
