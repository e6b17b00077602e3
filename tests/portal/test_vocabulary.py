"""Names and prose keep to the vocabulary of this code: see vocabulary.toml for the words that stay out."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

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
    # The Chinese guides have their own words.
    if path.is_file() and "zh-hans" not in path.parts
)
WORDS = re.compile(
    r"(?<![\w/.-])(" + "|".join(map(re.escape, VOCABULARY["prose"]["words"])) + r")(?![\w/-])", re.IGNORECASE
)
OPENINGS = re.compile(r"(?:^|(?<=[.!?:]\s))(" + "|".join(VOCABULARY["prose"]["openings"]) + ")")
OLD_PARTS = {re.compile(pattern): better for pattern, better in VOCABULARY["parts"].items()}
# A definition with this phrase in its line is an alias for clients: it keeps the old name for one release.
ALIAS = "former name"
COMMENT = re.compile(r"(?:^ *|  )# ?(.*)")
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
GETTEXT = {"_", "noop", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext"}


class Module(NamedTuple):
    # (kind, name) of every definition; the kinds are tables of vocabulary.toml.
    names: list[tuple[str, str]]
    prose: list[str]
    classes: list[str]  # at the top level
    words: set[str]


def dotted(path: Path) -> str:
    """Return the module's name: folders below platform/ are packages of their own."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("platform.").removesuffix(".__init__")


def fields_of(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Yield name and line of the fields and constants that the body of a module or class assigns."""
    for node in body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(name, ast.Name):
                    yield name.id, node.lineno


def first_text(call: ast.Call) -> str:
    """Return the first argument of a call if it is a text."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def logs_event(function: ast.expr) -> bool:
    """Return whether the first argument of the function is the name of a log event."""
    if isinstance(function, ast.Attribute):
        return function.attr in LOG_METHODS
    return isinstance(function, ast.Name) and function.id == "try_redis"


def read_module(source: str, *, is_product: bool = True) -> Module:
    tree = ast.parse(source)
    lines = source.splitlines()
    names: list[tuple[str, str]] = []
    prose = comments(lines)
    fields: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            prose.append(ast.get_docstring(node) or "")
        if isinstance(node, ast.Module | ast.ClassDef):
            fields += fields_of(node.body)
        if isinstance(node, ast.ClassDef):
            names.append(("classes", node.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(("functions", node.name))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            fields.append((node.attr, node.lineno))
        elif isinstance(node, ast.Call) and (text := first_text(node)):
            if logs_event(node.func):
                names.append(("events", text))
            elif is_product and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                prose.append(text)
    names += [("fields", name) for name, line in fields if ALIAS not in lines[line - 1]]
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return Module(names, prose, classes, set(re.findall(r"\w+", source)))


@cache
def module(path: Path) -> Module:
    return read_module(path.read_text(), is_product=path.relative_to(ROOT).parts[0] != "tests")


@cache
def document(path: Path) -> str:
    """Return the text of a document. The changelog names what was renamed, in tables and as `code`."""
    text = path.read_text()
    return re.sub(r"^\|.*|`[^`\n]*`", "`code`", text, flags=re.MULTILINE) if path.name == "CHANGELOG.md" else text


def comments(lines: list[str]) -> list[str]:
    """Return the comments, joined over the lines that follow each other."""
    blocks: list[str] = []
    last = -1
    for number, line in enumerate(lines):
        if "# " in line and (match := COMMENT.search(line)):
            if last == number - 1 and blocks:
                blocks[-1] += f" {match[1]}"
            else:
                blocks.append(match[1])
            last = number
    return blocks


def prose_problems(prose: str) -> list[str]:
    """Return the banned words and openings in a text, each with the better word."""
    better = VOCABULARY["prose"]
    found = [f"{match[1]!r}: write {better['words'][match[1].lower()]!r}" for match in WORDS.finditer(prose)]
    found += [f"sentence begins with {match[1]!r}" for match in OPENINGS.finditer(" ".join(prose.split()))]
    return found


def name_problems(names: list[tuple[str, str]]) -> list[str]:
    found = [f"{kind}: {name} is now {VOCABULARY[kind][name]}" for kind, name in names if name in VOCABULARY[kind]]
    return found + [
        f"{kind}: {name} has {match[0]}, write {better}"
        for kind, name in names
        if kind == "fields"
        for old, better in OLD_PARTS.items()
        if (match := old.search(name))
    ]


def problems_of(found: Module) -> list[str]:
    return name_problems(found.names) + [text for prose in found.prose for text in prose_problems(prose)]


def targets(kind: str) -> set[str]:
    """Return the new names of a table; an old name with several meanings has several."""
    return {name for value in VOCABULARY[kind].values() for name in re.split(r", | or ", value)}


def test_no_old_name_and_no_banned_word_in_the_code() -> None:
    problems = {str(path.relative_to(ROOT)): found for path in MODULES if (found := problems_of(module(path)))}
    assert not problems


def test_no_module_has_an_old_name() -> None:
    names = {dotted(path) for path in PRODUCT}
    packages = {name.rpartition(".")[0] for name in names}
    assert not {name: VOCABULARY["modules"][name] for name in names - packages if name in VOCABULARY["modules"]}


def test_no_folder_or_file_has_an_old_name() -> None:
    # A folder may be left with files that git ignores.
    found = [old for old in VOCABULARY["folders"] if (ROOT / old).is_file() or list((ROOT / old).rglob("*.py"))]
    assert not found


def test_no_setting_metric_or_health_reason_has_an_old_name() -> None:
    old = VOCABULARY["settings"] | VOCABULARY["metrics"] | VOCABULARY["reasons"]
    words = {path: module(path).words for path in MODULES}
    words |= {path: set(re.findall(r"\w+", document(path))) for path in DOCUMENTS}
    assert not {str(path.relative_to(ROOT)): found for path in words if (found := words[path] & old.keys())}


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
    problems = {str(path.relative_to(ROOT)): found for path in DOCUMENTS if (found := prose_problems(document(path)))}
    assert not problems


@pytest.mark.parametrize("kind", ["classes", "functions", "fields", "events"])
def test_each_new_name_is_defined(kind: str) -> None:
    defined = {name for path in MODULES for defined_kind, name in module(path).names if defined_kind == kind}
    assert not targets(kind) - defined


def test_each_new_module_and_folder_exists() -> None:
    modules = {dotted(path) for path in PRODUCT}
    packages = {name.rpartition(".")[0] for name in modules}
    assert not targets("modules") - modules - packages
    assert not {folder for folder in targets("folders") if not (ROOT / folder).exists()}


def test_each_new_setting_metric_and_health_reason_exists() -> None:
    words = set[str]().union(*(module(path).words for path in MODULES))
    # The Prometheus client adds the suffix of a counter.
    assert not {
        name
        for kind in ("settings", "metrics", "reasons")
        for name in targets(kind)
        if name.removesuffix("_total" if kind == "metrics" else "") not in words
    }


def test_a_class_name_means_one_thing() -> None:
    """Django finds these by name in each app; every other class has a name of its own."""
    ordinary = {"Command", "Meta", "State"}
    places: dict[str, list[str]] = {}
    for path in PRODUCT:
        for name in module(path).classes:
            if name not in ordinary and not name.startswith("_"):
                places.setdefault(name, []).append(dotted(path))
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
        ("pace = 1\n", "fields: pace"),
        ("class Job:\n    announced_at: datetime\n", "fields: announced_at"),
        ("class Job:\n    taking_until = DateTimeField()\n", "fields: taking_until"),
        ("def f(self):\n    self.webhook_form = None\n", "fields: webhook_form"),
        ("_MOST_VIDEOS = 3\n", "fields: _MOST_VIDEOS"),
        ("_LOCK_PATIENCE, _OTHER = 3, 4\n", "fields: _LOCK_PATIENCE"),
        ('log.info("webhook_not_taken", error=error)\n', "events: webhook_not_taken"),
        ('try_redis("share_not_counted", command)\n', "events: share_not_counted"),
        ('"""Rings the doorbell."""\n', "'doorbell'"),
        ("# Whoever reads this\nx = 1\n", "'Whoever'"),
        ("x = 1 \x20# to whoever reads\n", "'whoever'"),
        ("# In two lines the\n# doorbell rings.\n", "'doorbell'"),
        ('"""First. That of the team."""\n', "'That of'"),
        ('text = _("Whose turn is it?")\n', "'Whose'"),
    ],
)
def test_what_comes_back_is_found(source: str, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(read_module(source)))


@pytest.mark.parametrize("source", ['trouble: str  # "deprecated: the former name of error"\n', "pace_of_team = 1\n"])
def test_an_alias_and_another_word_are_allowed(source: str) -> None:
    assert not problems_of(read_module(source))
