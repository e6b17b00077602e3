"""English and Simplified Chinese are equals: every text of the pages is in the catalogue, and that is compiled."""

import ast
import gettext
import re
from pathlib import Path

from django.conf import settings

from tests.pages.conftest import Person

CATALOGUE = Path(settings.ROOT) / "platform" / "portal" / "locale" / "zh_Hans" / "LC_MESSAGES"
TEXT = re.compile(r'^(msgid|msgstr(?:\[0\])?) ((?:".*"\n?)+)', re.MULTILINE)


def written() -> dict[str, str]:
    """msgid to msgstr, as the source of the catalogue has them."""
    found: dict[str, str] = {}
    identifier = ""
    for kind, lines in TEXT.findall((CATALOGUE / "django.po").read_text()):
        text = "".join(ast.literal_eval(line) for line in lines.strip().split("\n"))
        if kind == "msgid":
            identifier = text
        else:
            found[identifier] = text
    del found[""]
    return found


def test_every_text_is_translated_and_keeps_its_placeholders() -> None:
    for text, translation in written().items():
        assert translation, text
        assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", translation)), text


def test_every_text_of_the_templates_is_in_the_catalogue() -> None:
    known = written()
    templates = [
        *(Path(settings.ROOT) / "templates").rglob("*.html"),
        *(Path(settings.ROOT) / "templates").rglob("*.txt"),
    ]
    for template in templates:
        for text in re.findall(r'{% translate "([^"]+)" %}', template.read_text()):
            assert text in known, f"{template.name}: run makemessages for {text!r}"


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for text, translation in written().items():
        assert translation in {compiled.gettext(text), compiled.ngettext(text, text, 1)}, (
            f"run compilemessages: {text!r}"
        )


def test_pages_and_messages_speak_chinese(mia: Person) -> None:
    mia.client.post("/language", {"language": "zh-hans"})
    page = mia.get("/").content.decode()
    assert "制作视频" in page
    assert 'data-idea="slowly zooms in"' in page
    assert "请先选择一张图片" in mia.htmx("/", {"fps": "99"}).content.decode()
    assert "五月" in _month(5)


def _month(number: int) -> str:
    """Our words must not displace Django's own, such as the name of a month."""
    from django.utils import dates, translation

    with translation.override("zh-hans"):
        return str(dates.MONTHS[number])
