"""Names and prose keep to the vocabulary of this code: see vocabulary.toml for the words that stay out."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.ROOT)
VOCABULARY = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text())
PACKAGES = ("accounts", "jobs", "inference", "platform")
MODULES = sorted(
    path
    for folder in (*PACKAGES, "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts and "snippets" not in path.parts
)
PRODUCT = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "tests"]
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "platform/**/*.md",
        "platform/**/*.toml",
        "deploy/*",
        "tests/**/*.md",
        "templates/**/*.html",
        "templates/**/*.txt",
    )
    for path in ROOT.glob(pattern)
    # The changelog has a table of old and new names; the Chinese guides have their own words.
    if path.is_file() and path.name != "CHANGELOG.md" and "zh-hans" not in path.parts
)
WORDS = re.compile(
    r"(?<![\w/.-])(" + "|".join(map(re.escape, VOCABULARY["prose"]["words"])) + r")(?![\w/-])", re.IGNORECASE
)
OPENINGS = re.compile(r"(?:^|(?<=[.!?:]\s))(" + "|".join(VOCABULARY["prose"]["openings"]) + ")")


def dotted(path: Path) -> str:
    """Return the module's name: folders below platform/ are packages of their own."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("platform.").removesuffix(".__init__")


def definitions(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of each class and function that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield "classes", node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "functions", node.name


def prose_of_module(source: str) -> Iterator[str]:
    """Yield docstrings, and comments joined over the lines that follow each other."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    block, last = "", -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.removeprefix("#").strip()
            block, last = (f"{block} {text}" if token.start[0] == last + 1 else text), token.start[0]
            if token.start[0] != last:
                yield block
        elif token.type not in {tokenize.NL, tokenize.NEWLINE} and block:
            yield block
            block = ""
    yield block


def prose_problems(prose: str) -> list[str]:
    """Return the banned words and openings in a text, each with the better word."""
    better = VOCABULARY["prose"]
    found = [f"{match[1]!r}: write {better['words'][match[1].lower()]!r}" for match in WORDS.finditer(prose)]
    found += [f"sentence begins with {match[1]!r}" for match in OPENINGS.finditer(" ".join(prose.split()))]
    return found


def problems_of_module(path: Path) -> list[str]:
    source = path.read_text()
    found = [
        f"{kind}: {name} is now {VOCABULARY[kind][name]}"
        for kind, name in definitions(ast.parse(source))
        if name in VOCABULARY[kind]
    ]
    return found + [text for prose in prose_of_module(source) for text in prose_problems(prose)]


def test_no_old_name_and_no_banned_word_in_the_code() -> None:
    problems = {str(path.relative_to(ROOT)): found for path in MODULES if (found := problems_of_module(path))}
    assert not problems


def test_no_module_has_an_old_name() -> None:
    names = {dotted(path) for path in PRODUCT}
    packages = {name.rpartition(".")[0] for name in names}
    assert not {name: VOCABULARY["modules"][name] for name in names - packages if name in VOCABULARY["modules"]}


def test_no_setting_has_an_old_name() -> None:
    old = re.compile(rf"\b({'|'.join(VOCABULARY['settings'])})\b")
    texts = [*MODULES, *DOCUMENTS]
    found = {str(path.relative_to(ROOT)): match[0] for path in texts if (match := old.search(path.read_text()))}
    assert not found


def old_identifiers(text: str) -> list[str]:
    return [old for old in VOCABULARY["identifiers"] if re.search(rf"(?<![\w-]){old}", text)]


def test_no_string_or_style_has_an_old_name() -> None:
    texts = [*PRODUCT, *DOCUMENTS, *(ROOT / "static").rglob("*.css")]
    problems = {str(path.relative_to(ROOT)): found for path in texts if (found := old_identifiers(path.read_text()))}
    assert not problems


@pytest.mark.parametrize("text", [".desk-card {", 'class="desk-table"', 'DISMISSED = "put_aside"', "team_wall_0123"])
def test_an_old_identifier_is_found(text: str) -> None:
    assert old_identifiers(text)


def test_the_documents_and_pages_use_plain_words() -> None:
    problems = {str(path.relative_to(ROOT)): found for path in DOCUMENTS if (found := prose_problems(path.read_text()))}
    assert not problems


def test_a_class_name_means_one_thing() -> None:
    """Django finds these by name in each app; every other class has a name of its own."""
    ordinary = {"Command", "Meta", "State"}
    places: dict[str, list[str]] = {}
    for path in PRODUCT:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name not in ordinary and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(dotted(path))
    # The client stands alone: its classes mirror those of the API.
    repeated = {
        name: where
        for name, where in places.items()
        if len([each for each in where if not each.startswith("mutoscope")]) > 1
    }
    assert not repeated


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class Standing:\n    pass\n", "classes: Standing"),
        ("class Hurry:\n    pass\n", "classes: Hurry"),
        ("def play() -> None: ...\n", "functions: play"),
        ("def ring_after_commit() -> None: ...\n", "functions: ring_after_commit"),
        ('"""Rings the doorbell."""\n', "'doorbell'"),
        ("# Whoever reads this\nx = 1\n", "'Whoever'"),
        ('"""First. That of the team."""\n', "'That of'"),
    ],
)
def test_what_comes_back_is_found(tmp_path: Path, source: str, expected: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert any(expected in problem for problem in problems_of_module(module))
