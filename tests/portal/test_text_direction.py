"""Texts that users write stand in elements whose direction follows the script of the text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.ROOT) / "templates"
SCRIPTS = Path(settings.ROOT) / "static" / "js"
USER_TEXT = re.compile(
    r"\b(?:\w*(?:team|collection|key|user|batch)(?:\.|__)name|(?:wrap|target|one|bar|values)\.name|form\.name\.value"
    r"|\w*prompt|caption|custom_id|(?<!alt\.)description|public_context\.(?:title|text)|actor_name)\b(?!\|length)"
)
# A script writes the name of a file, team or person into an element, which it found by its id or an attribute.
WRITTEN_BY_SCRIPT = re.compile(r'(?:\b(\w+)|querySelector\("\[([\w-]+)\]"\))\.textContent = [^;]*\bname\b')
# What is in `<title>` and in the tag of `<body>`.
OUTSIDE_ELEMENTS = re.compile(r"{% block (?:head_)?(?:title|body_attributes) %}.*?{% endblock %}", re.DOTALL)
MARK = "¤"
VOID_ELEMENTS = {"br", "hr", "img", "input", "link", "meta"}
# These have no direction of their own, or are only read aloud.
EXEMPT_ELEMENTS = {"option", "title"}
EXEMPT_CLASS = "visually-hidden"


def with_marks(source: str) -> str:
    """Return the HTML of a template, with a mark for each user text that it shows."""
    source = OUTSIDE_ELEMENTS.sub(lambda block: "\n" * block[0].count("\n"), source)
    source = re.sub(r"{% blocktrans(?:late)?\b([^%]*)%}", lambda tag: _mark_of(tag[1], " asvar " in tag[1]), source)
    return re.sub(r"{{(.*?)}}", lambda tag: _mark_of(tag[1]), re.sub(r"{[%#].*?[%#]}", "", source))


def _mark_of(expression: str, is_hidden: bool = False) -> str:
    return MARK if USER_TEXT.search(expression) and not is_hidden else ""


class MarkFinder(HTMLParser):
    """Collects the lines of marks outside elements with `dir="auto"`, which `<bdi>` has without saying so."""

    def __init__(self) -> None:
        super().__init__()
        self.open_elements, self.found, self.lines = list[tuple[str, bool]](), 0, list[int]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        is_fine = (
            tag in {"bdi", *EXEMPT_ELEMENTS}
            or attributes.get("dir") == "auto"
            or EXEMPT_CLASS in (attributes.get("class") or "").split()
        )
        if tag == "input":
            self._note(attributes.get("value") or "", is_fine or attributes.get("type") == "hidden")
        if tag not in VOID_ELEMENTS:
            self.open_elements.append((tag, is_fine))

    def handle_endtag(self, tag: str) -> None:
        while self.open_elements and self.open_elements.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._note(data, any(is_fine for _tag, is_fine in self.open_elements))

    def _note(self, text: str, is_fine: bool) -> None:
        self.found += MARK in text
        if MARK in text and not is_fine:
            self.lines.append(self.getpos()[0])


@pytest.mark.parametrize(
    ("template", "lines"),
    [
        ("<p>{{ job.prompt|truncatechars:60 }}</p>", [1]),
        ('<p>\n<a href="{% url "x" a.b %}" title="{{ caption }}">{{ caption }}</a></p>', [2]),
        ("<p>{% blocktranslate with name=team.name %}Stay in {{ name }}{% endblocktranslate %}</p>", [1]),
        ('<input name="name" value="{{ form.name.value|default_if_none:"" }}">', [1]),
        ('<input name="name" dir="auto" value="{{ form.name.value|default_if_none:"" }}">', []),
        ('<p dir="auto"><b>{{ key.name }}</b></p><bdi>{{ new_key.name }}</bdi>', []),
        ("{% block title %}{{ key.name }}{% endblock %}<title>{{ key.name }}</title>", []),
        ("{{ values.prompt|length }}<b>{{ worker.name }}</b>", []),
    ],
)
def test_the_finder(template: str, lines: list[int]) -> None:
    finder = MarkFinder()
    finder.feed(with_marks(template))
    assert finder.lines == lines


def test_the_direction_of_user_texts_follows_their_script() -> None:
    found, wrong = 0, list[str]()
    for path in sorted(TEMPLATES.rglob("*.html")):
        finder = MarkFinder()
        finder.feed(with_marks(path.read_text()))
        finder.close()
        found += finder.found
        wrong += [f"{path.relative_to(TEMPLATES)}:{line}" for line in finder.lines]
    assert not wrong
    assert found > 50


def elements_written_by(script: str) -> list[str]:
    """Return what the tags of the elements contain that a script fills with user text: `id="…"`, or the attribute."""
    ids = dict(re.findall(r'const (\w+) = document\.getElementById\("([\w-]+)"\)', script))
    # One class fills the fields of both pictures.
    fields = re.findall(r"this\.#(\w+) = document\.getElementById\(`\$\{(\w+)\}([\w-]+)`\)", script)
    ids |= {field: f"{{{{ {prefix} }}}}{name}" for field, prefix, name in fields}
    return [attribute or f'id="{ids[variable]}"' for variable, attribute in WRITTEN_BY_SCRIPT.findall(script)]


def test_the_direction_of_user_texts_of_scripts_follows_their_script() -> None:
    written = [each for path in sorted(SCRIPTS.glob("*.js")) for each in elements_written_by(path.read_text())]
    assert {'id="{{ prefix }}picture-name"', "data-now"} <= {*written}
    templates = "".join(path.read_text() for path in sorted(TEMPLATES.rglob("*.html")))
    for element in written:
        tags = re.findall(rf"<[^<>]*[\s]{re.escape(element)}[\s>][^<>]*>?", templates)
        assert tags, element
        assert [tag for tag in tags if 'dir="auto"' not in tag] == [], element
