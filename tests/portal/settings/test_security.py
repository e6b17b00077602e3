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
