"""What the site says to programs in English, in the language of the page's reader."""

import re

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from jobs.videos.views.sentences import VARYING

PRESET_TITLES = {"fast": _("Fast"), "standard": _("Standard"), "high": _("High"), "batch": _("Batch")}

# No sentence gets longer with its values. In a made-up text of four times that one is looked for during 15 s.
_LONGEST = 1000
_TRIED_AGAIN = re.compile(r"(?P<sentence>.*) It was tried (?P<count>\d+) times\.", re.DOTALL)
_OF_FIELD = re.compile(r"(?P<field>[a-z_]+(\.\w+)*): (?P<sentence>.*)", re.DOTALL)
_ESCAPED_PLACE = re.compile(r"%\\\((\w+)\\\)s|\\\{(\w+)\\\}")
# For those that vary too much, or come from below: what their code means.
_OF_CODE = {
    "worker_lost": _("The worker that was making it went away."),
    "engine_crashed": _("The engine crashed."),
    "engine_hung": _("The engine made no progress."),
    "engine_failed": _("The engine failed."),
    "attempt_timeout": _("It took longer than an attempt may take."),
    "out_of_memory": _("It does not fit into the memory of the GPU."),
    "device_broken": _("The GPU failed."),
    "encoding_failed": _("The frames could not be written as a film."),
    "source_missing": _("Its picture is gone."),
    "deadline_passed": _("It could not be started before its deadline."),
}


def translated(text: str, *, code: str = "") -> str:
    """The sentence in the reader's language: as the catalogue has it, or by its code; else as it is."""
    if not text or (get_language() or "en").startswith("en"):
        return text
    if len(text) > _LONGEST:
        return str(_OF_CODE.get(code, text))
    if again := _TRIED_AGAIN.fullmatch(text):
        count = gettext("It was tried %(count)s times.") % {"count": again["count"]}
        return f"{translated(again['sentence'], code=code)} {count}"
    if about := _OF_FIELD.fullmatch(text):
        return f"{about['field']}: {translated(about['sentence'], code=code)}"
    for pattern, sentence in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _filled(sentence, found.groupdict())
    known = gettext(text)
    return str(_OF_CODE.get(code, text)) if known == text else known


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(_ESCAPED_PLACE.sub(r"(?P<\1\2>.+?)", re.escape(sentence)), re.DOTALL)


def _filled(sentence: str, values: dict[str, str]) -> str:
    """The sentence in the reader's language with its values; a reason among them is a sentence itself."""
    values = {name: translated(value) if name == "reason" else value for name, value in values.items()}
    return gettext(sentence).format(**values) if "{" in sentence else gettext(sentence) % values


_PATTERNS = [(_pattern(sentence), sentence) for sentence in VARYING]
