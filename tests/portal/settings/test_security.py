"""Settings of production."""

import pytest

from tests.support.interpreter import run_python

pytestmark = pytest.mark.process


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


def test_every_cookie_of_an_https_site_is_secure() -> None:
    names = [f"{cookie}_COOKIE_SECURE" for cookie in ("SESSION", "CSRF", "LANGUAGE")]
    done = run_python(
        f"from django.conf import settings; print([getattr(settings, name) for name in {names}])",
        SITE_URL="https://video.example.com",
    )

    assert done.stdout.strip() == "[True, True, True]", done.stderr
