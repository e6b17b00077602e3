"""The catalogue of error codes: cause and remedy of each, in both languages."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.safestring import SafeString

from portal.docs.rendering import inline

_HERE = Path(__file__).parent
_LANGUAGES = {"en": "en", "zh-hans": "zh"}


@dataclass(frozen=True)
class ErrorEntry:
    """An error code with its (cause, remedy) by language. `status` is None for failure codes of videos."""

    code: str
    status: int | None
    is_page_error: bool
    translations: dict[str, tuple[str, str]]

    def as_context(self, language: str) -> dict[str, str | int | SafeString | None]:
        cause, remedy = self.translations[_LANGUAGES[language]]
        return {"code": self.code, "status": self.status, "cause": inline(cause), "remedy": inline(remedy)}


@cache
def entries(name: str) -> dict[str, ErrorEntry]:
    """Return the entries of `errors.toml` or `failure_codes.toml` by code."""
    found = tomllib.loads((_HERE / f"{name}.toml").read_text())
    return {
        code: ErrorEntry(
            code=code,
            status=entry.get("status"),
            is_page_error=entry.get("pages", False),
            translations={language: (entry[language][0], entry[language][1]) for language in _LANGUAGES.values()},
        )
        for code, entry in found.items()
    }
