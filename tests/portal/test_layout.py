"""The project layout: paths, imports, production settings."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_python(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter with the site's settings; an empty value in `changes` removes a variable."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    env = {**os.environ, "PYTHONPATH": paths, "DJANGO_SETTINGS_MODULE": "portal.settings", **changes}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={name: value for name, value in env.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_folder_platform_is_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_platform_is_the_module_of_the_standard_library() -> None:
    assert platform.__file__ == os.path.join(os.path.dirname(os.__file__), "platform.py")  # noqa: PTH118, PTH120


@pytest.mark.parametrize("entry", ["portal.asgi", "portal.wsgi"])
def test_web_processes_never_import_the_packages_of_the_model(entry: str) -> None:
    code = f"""
import sys, platform
import {entry}
from django.urls import get_resolver
assert get_resolver().url_patterns
loaded = {{"torch", "diffusers", "transformers", "inference.engines.i2vgenxl"}} & set(sys.modules)
assert not loaded, loaded
assert hasattr(platform, "python_version")
"""
    done = run_python(code)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("entry", "enabled"), [("portal.asgi", True), ("portal.wsgi", False)])
def test_an_entry_point_decides_whether_long_polling_is_enabled(entry: str, enabled: bool) -> None:
    code = f"import {entry}; from django.conf import settings; print(settings.LONG_POLLING_ENABLED)"
    done = run_python(code, DJANGO_SETTINGS_MODULE="", LONG_POLLING_ENABLED="")

    assert done.stdout == f"{enabled}\n", done.stderr


def test_static_files_are_not_sniffed(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a {}")
    code = """
from wsgiref.util import setup_testing_defaults
from portal.wsgi import application
environ = {"PATH_INFO": "/static/a.css"}
setup_testing_defaults(environ)
body = application(environ, lambda status, headers: print(status, dict(headers)["X-Content-Type-Options"]))
list(body)
body.close()
"""
    done = run_python(code, STATIC_ROOT=str(tmp_path))

    assert done.stdout == "200 OK nosniff\n", done.stderr


def test_production_settings_pass_the_deployment_checks() -> None:
    code = "from django.core.management import execute_from_command_line as run; "
    code += "run(['', 'check', '--deploy', '--fail-level=WARNING'])"
    done = run_python(
        code,
        SITE_URL="https://video.example.com",
        ALLOWED_HOSTS="video.example.com",
        SECRET_KEY="k7" + "x!3Zq-" * 12,
        EMBEDDED="0",
    )

    assert done.returncode == 0, done.stderr


def test_outside_the_embedded_mode_the_secret_key_is_required() -> None:
    done = run_python("from django.conf import settings; settings.DEBUG", SECRET_KEY="")

    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
