"""The layout of the project: tests mirror the code, `platform` is no package, entry points import no model.

`a/b.py` is tested by `tests/a/test_b.py`, and by `tests/a/test_b_<topic>.py` where one file is not enough. A test of a
whole package is named after the package. `platform/portal/x.py` is tested by `tests/portal/test_x.py`, and
`platform/mutoscope` by `tests/client`.
"""

import ast
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.interpreter import ROOT, run_python
from tests.support.slow_paths import SLOW_PATHS

CODE = ("accounts", "inference", "jobs", "platform")
# Folders of tests that test no module in particular.
SUITES = {"benchmarks", "browser", "chaos", "client", "deploy", "isolation", "schema"}
# Tests that mirror no module, and what they test.
TOPICS = {
    "accounts/auth/test_sign_in.py": "the pages of allauth, from signing up to a new password",
    "inference/test_imports.py": "the import rules of the package",
    "jobs/compat/test_javascript.py": "the unmodified JavaScript SDKs with our API",
    "jobs/compat/test_openai.py": "OpenAI's SDK with our own API",
    "jobs/compat/test_programs.py": "the programs of the guide to SDKs",
    "jobs/test_outages.py": "the API while Redis or PostgreSQL cannot be reached",
    "jobs/test_state_machine.py": "the life of jobs, compared with a model by hypothesis",
    "jobs/videos/views/test_localized_messages.py": "messages of videos in the reader's language",
    "portal/settings/test_documentation.py": "the description of every setting",
    "portal/test_contrast.py": "the colors of the style sheet",
    "portal/test_query_counts.py": "the number of queries of pages",
    "portal/test_text_direction.py": "the direction of the texts that users write",
    "portal/test_vocabulary.py": "the names in the code and its prose",
    "test_layout.py": "the layout of the project",
}


def test_the_slow_tests_exist() -> None:
    for path in SLOW_PATHS:
        assert (ROOT / "tests" / path).exists(), path


def paths(*folders: str) -> set[Path]:
    return {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")}


def with_packages(modules: Iterable[Path]) -> set[Path]:
    """The paths of modules and of the folders that contain them, without suffix."""
    return {path for module in modules for path in (module.with_suffix(""), module.parent)}


def mirrored(test: Path) -> set[Path]:
    """The modules and packages, without suffix, that a test file may be named after."""
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    folder = test.parent.relative_to("tests")
    return {parent / name for parent in (folder, "platform" / folder) for name in names}


def test_tests_mirror_the_code() -> None:
    tests = {path for path in paths("tests") if path.name.startswith("test_") and path.parts[1] not in SUITES}
    code = with_packages(paths(*CODE))

    strays = {path.relative_to("tests").as_posix() for path in tests if not mirrored(path) & code}

    assert len(tests) > 100
    assert strays == set(TOPICS), "Name the test after its module, or list its topic."


@pytest.mark.parametrize(
    ("test", "is_mirrored"),
    [
        ("tests/jobs/queue/test_finish.py", True),
        ("tests/jobs/queue/test_finish_crashes.py", True),
        ("tests/jobs/compat/test_fal.py", True),
        ("tests/portal/web/test_health.py", True),
        ("tests/jobs/queue/test_finished.py", False),
        ("tests/jobs/test_finish.py", False),
        ("tests/web/test_health.py", False),
    ],
)
def test_a_test_is_named_after_its_module(test: str, is_mirrored: bool) -> None:
    modules = ["jobs/queue/finish.py", "jobs/compat/fal/views.py", "platform/portal/web/health.py"]

    assert bool(mirrored(Path(test)) & with_packages(map(Path, modules))) is is_mirrored


def reexported(importer: ast.Module, names_of_inference: dict[str, set[str]]) -> set[str]:
    """The names that a module imports from modules of `jobs`, which have them from `inference`."""
    return {
        alias.name
        for node in ast.walk(importer)
        if isinstance(node, ast.ImportFrom) and node.module in names_of_inference
        for alias in node.names
        if alias.name in names_of_inference[node.module]
    }


def inference_names(module: ast.Module) -> set[str]:
    """The names that a module has from `inference`."""
    return {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "inference"
        for alias in node.names
    }


def test_inference_is_not_imported_through_jobs() -> None:
    """The import contract forbids `inference` outside `jobs`, but does not see a name that passes through."""
    names = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): inference_names(
            ast.parse((ROOT / path).read_text())
        )
        for path in paths("jobs")
    }
    found = {
        path.as_posix(): reexported(ast.parse((ROOT / path).read_text()), names)
        for path in paths("accounts", "platform/portal", "platform/common")
    }
    assert sum(map(len, names.values())) > 30
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from jobs.videos.submission import MODELS", {"MODELS"}),
        ("def f():\n    from jobs.videos.submission import MODELS as M, build_request", {"MODELS"}),
        ("from jobs.videos.submission import build_request", set()),
        ("from accounts.models import MODELS", set()),
    ],
)
def test_a_name_that_passes_through_is_found(line: str, found: set[str]) -> None:
    names = inference_names(ast.parse("from inference.models.catalogue import MODELS"))
    assert reexported(ast.parse(line), {"jobs.videos.submission": names}) == found


def test_the_folder_platform_is_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_platform_is_the_module_of_the_standard_library() -> None:
    assert platform.__file__ == os.path.join(os.path.dirname(os.__file__), "platform.py")  # noqa: PTH118, PTH120


@pytest.mark.process
@pytest.mark.parametrize("entry", ["portal.asgi", "portal.wsgi"])
def test_web_processes_never_import_the_packages_of_the_model(entry: str) -> None:
    code = f"""
import sys, platform
import {entry}
from django.urls import get_resolver
assert get_resolver().url_patterns
engines = {{"inference.engines.i2vgenxl.engine", "inference.engines.wan.engine"}}
loaded = {{"torch", "diffusers", "transformers", *engines}} & set(sys.modules)
assert not loaded, loaded
assert hasattr(platform, "python_version")
"""
    done = run_python(code)

    assert done.returncode == 0, done.stderr
