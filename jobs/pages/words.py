"""What the site says to programs in English, in the language of the page's reader."""

import re

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as noop

PRESET_TITLES = {"fast": _("Fast"), "standard": _("Standard"), "high": _("High"), "batch": _("Batch")}

# Sentences whose parts vary, as their makers write them.
_VARYING = (
    noop("The prompt is longer than the %(tokens)s tokens that %(model)s reads; its end has no effect."),
    noop("The picture is too narrow: no side may be more than %(times)s times the other. Crop it."),
    noop("%(model)s makes %(resolutions)s."),
    noop("There is no model %(name)s here. Choose one of: %(models)s."),
    noop(
        "This video needs about %(needed)s GB of GPU memory; the largest here has %(largest)s GB. "
        "Choose a lower resolution or fewer frames."
    ),
    noop("The team has %(waiting)s videos waiting, and its plan allows %(most)s. Try again when some are done."),
    noop("The plan of your team allows frames of up to %(pixels)s pixels, as %(size)s has."),
    noop("The plan of your team allows up to %(most)s frames."),
    noop("The plan of your team allows up to %(most)s steps."),
    noop("The plan of your team allows %(limit)s videos a day, and they are used up. Try again tomorrow (UTC)."),
    noop(
        "The plan of your team allows %(limit)s GPU-seconds a month; %(left)s are left and this video "
        "needs %(needed)s. Choose a smaller preset, or wait for the next month."
    ),
    noop(
        "The plan of your team allows %(limit)s bytes of stored videos, and they are used up. "
        "Delete videos that you do not need."
    ),
    noop(
        "An admin of your team allows you %(limit)s credits a month; %(left)s are left and this video "
        "needs %(needed)s. Choose a smaller preset, or ask an admin of the team for more."
    ),
    noop("An admin of your team allows you %(limit)s videos a day, and they are used up. Try again tomorrow (UTC)."),
    noop("No connection (%(error)s)."),
    noop("A team has at most %(most)s webhooks. Delete one that is not used."),
    # Last: whatever else it allows.
    noop("The plan of your team allows %(choices)s."),
)
_TRIED_AGAIN = re.compile(r"(?P<sentence>.*) It was tried (?P<count>\d+) times\.", re.DOTALL)
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
    "not_text": _("Holds a character that is not text. Remove it."),
}


def translated(text: str, *, code: str = "") -> str:
    """The sentence in the reader's language: as the catalogue has it, or by its code; else as it is."""
    if not text or (get_language() or "en").startswith("en"):
        return text
    if again := _TRIED_AGAIN.fullmatch(text):
        count = gettext("It was tried %(count)s times.") % {"count": again["count"]}
        return f"{translated(again['sentence'], code=code)} {count}"
    for pattern, sentence in _PATTERNS:
        if found := pattern.fullmatch(text):
            return gettext(sentence) % found.groupdict()
    known = gettext(text)
    return str(_OF_CODE.get(code, text)) if known == text else known


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", re.escape(sentence)))


_PATTERNS = [(_pattern(sentence), sentence) for sentence in _VARYING]
