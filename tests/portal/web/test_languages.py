"""Every text of the site has a Chinese translation, and the catalogues are compiled."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django.contrib.auth
import pytest
import unfold
from django.conf import settings
from django.utils import dates, translation
from django.utils.translation.template import templatize
from django.utils.translation.trans_real import translation as loaded_catalogue

from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from tests.support.people import Person

ROOT = Path(settings.ROOT)
FOLDERS = ("accounts", "jobs", "inference", "platform")
CATALOGUES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("zh_Hans/LC_MESSAGES/django.po"))
# Packages whose texts our catalogues translate, too.
PACKAGES = [Path(str(package.__file__)).parent for package in (django.contrib.auth, unfold)]
TEMPLATES = sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.txt")])
ENTRY = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) ((?:".*"\n?)+)', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
# Template tags as templatize() writes them: one function call per text.
STRING = r"""u?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
IN_TEMPLATE = re.compile(rf"\b(?:_|gettext|ngettext)\({STRING}")
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "noop", "ngettext", "ngettext_lazy", "pgettext"}


def entries(catalogue: Path) -> Iterator[tuple[str, str]]:
    """Yield (text, translation) of a catalogue's source."""
    text = ""
    for kind, lines in ENTRY.findall(catalogue.read_text()):
        translated = "".join(ast.literal_eval(line) for line in lines.strip().split("\n"))
        if kind == "msgid":
            text = translated
        elif kind.startswith("msgstr") and text:
            yield text, translated


def texts_of_template(path: Path) -> set[str]:
    return {ast.literal_eval(found) for found in IN_TEMPLATE.findall(templatize(path.read_text()))}


def texts_of_module(path: Path) -> set[str]:
    """Return the constant first arguments of calls to gettext and similar functions."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FUNCTIONS and call.args
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def strings_of_module(path: Path) -> set[str]:
    """Return all string constants: a text may reach gettext through a variable."""
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def used_texts() -> set[str]:
    folders = [*(ROOT / folder for folder in FOLDERS), *PACKAGES]
    modules = [path for folder in folders for path in folder.rglob("*.py") if "migrations" not in path.parts]
    descriptors = {text for model in MODELS.values() for text in texts_of_model(model)}
    templates = [*TEMPLATES, *(path for folder in PACKAGES for path in folder.rglob("*.html"))]
    return descriptors.union(*map(strings_of_module, modules), *map(texts_of_template, templates))


def texts_of_model(model: ModelDescriptor) -> list[str]:
    """Return the texts of a descriptor that pages show."""
    presets = [text for preset in model.presets.values() for text in (preset.title, preset.description) if text]
    return [model.description, *presets]


def untranslated(texts: set[str]) -> list[str]:
    """Return the texts that no catalogue contains: neither ours nor those of Django and allauth."""
    catalogue: Any = loaded_catalogue("zh-hans")
    known = catalogue._catalog
    return sorted(text for text in texts if not known.get(text) and not known.get((text, 0)))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parents[3].name)
def test_every_entry_is_translated_and_keeps_its_placeholders(catalogue: Path) -> None:
    for text, translated in entries(catalogue):
        assert translated, text
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(translated)), text


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parents[3].name)
def test_the_compiled_catalogue_matches_its_source(catalogue: Path) -> None:
    with catalogue.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for text, translated in entries(catalogue):
        assert translated in {compiled.gettext(text), compiled.ngettext(text, text, 1)}, f"run msgfmt: {text!r}"


def test_every_entry_is_used() -> None:
    used = used_texts()
    unused = {
        str(path.relative_to(ROOT)): [text for text, _ in entries(path) if text not in used] for path in CATALOGUES
    }
    assert not {path: texts for path, texts in unused.items() if texts}


def test_every_text_of_the_templates_is_translated() -> None:
    missing = {path.name: found for path in TEMPLATES if (found := untranslated(texts_of_template(path)))}
    assert not missing


def test_every_text_of_the_code_is_translated() -> None:
    modules = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    missing = {path.name: found for path in modules if (found := untranslated(texts_of_module(path)))}
    assert not missing


def test_every_text_of_the_shipped_models_is_translated() -> None:
    offered = [model for model in MODELS.values() if not model.test_only]
    assert not {model.name: found for model in offered if (found := untranslated({*texts_of_model(model)}))}


def test_a_text_without_translation_is_found(tmp_path: Path) -> None:
    template, module = tmp_path / "page.html", tmp_path / "module.py"
    template.write_text(
        '{% load i18n %}{% translate "No such text" %}{{ _("Nor this one") }}'
        "{% blocktranslate trimmed %}\n  And {{ name }}\n  neither\n{% endblocktranslate %}"
    )
    module.write_text('message = _("Nothing like it %(name)s")')
    assert untranslated(texts_of_template(template)) == ["And %(name)s neither", "No such text", "Nor this one"]
    assert untranslated(texts_of_module(module)) == ["Nothing like it %(name)s"]


def test_pages_and_messages_are_in_chinese(mia: Person) -> None:
    mia.client.post("/language", {"language": "zh-hans"})
    page = mia.get("/").content.decode()
    assert "制作视频" in page
    assert 'data-idea="slowly zooms in"' in page
    assert "请先选择一张图片" in mia.htmx("/", {"fps": "99"}).content.decode()


def test_our_catalogue_does_not_replace_texts_of_django() -> None:
    with translation.override("zh-hans"):
        assert "五月" in str(dates.MONTHS[5])
