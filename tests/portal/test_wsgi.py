"""The entry points of web processes: `portal.wsgi` and `portal.asgi`."""

from pathlib import Path

import pytest

from tests.support.interpreter import run_python

pytestmark = pytest.mark.process


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
