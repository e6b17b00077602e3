"""The one catalogue of error codes: what each means and what to do, in both languages."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.safestring import SafeString

from portal.docs.rendering import inline

_HERE = Path(__file__).parent
_LANGUAGES = {"en": "en", "zh-hans": "zh"}


@dataclass(frozen=True)
class Entry:
    """A code. `status` is None for the codes of videos, which no call is answered with; `words` by language."""

    code: str
    status: int | None
    pages: bool
    words: dict[str, tuple[str, str]]

    def shown_in(self, language: str) -> dict[str, str | int | SafeString | None]:
        cause, remedy = self.words[_LANGUAGES[language]]
        return {"code": self.code, "status": self.status, "cause": inline(cause), "remedy": inline(remedy)}


@cache
def entries(name: str) -> dict[str, Entry]:
    """The entries of `errors` or `endings`, by code."""
    found = tomllib.loads((_HERE / f"{name}.toml").read_text())
    return {
        code: Entry(
            code=code,
            status=entry.get("status"),
            pages=entry.get("pages", False),
            words={language: (entry[language][0], entry[language][1]) for language in _LANGUAGES.values()},
        )
        for code, entry in found.items()
    }
