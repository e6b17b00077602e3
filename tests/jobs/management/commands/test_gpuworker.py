"""What `manage.py gpuworker` refuses before it starts."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "camera,i2vgen-xl"], "camera in cpu, i2vgen-xl in gpu"),
        (["--models", "camera,unknown"], "unknown"),
        (["--models", "camera,scripted", "--source", "/weights"], "--source is the checkpoint of one model"),
        (["--model", "camera", "--pool", "elsewhere"], "Unknown pool 'elsewhere'"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("gpuworker", *arguments)
