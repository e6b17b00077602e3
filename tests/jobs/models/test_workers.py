"""The rows of workers."""

import pytest

from common.messages import Message
from jobs.models import Worker


@pytest.mark.parametrize(
    ("template", "params", "text"),
    [
        ("", None, ""),
        ("A text of an earlier release: 100%", None, "A text of an earlier release: 100%"),
        ("There is no space left on the disk.", {}, "There is no space left on the disk."),
        ("Videos cannot be published: %(reason)s", {"reason": "timeout"}, "Videos cannot be published: timeout"),
        (
            "Videos cannot be published: %(reason)s",
            {"reason": Message("Only %(free)s MB are left on the disk for scratch files.", {"free": 3}).as_json()},
            "Videos cannot be published: Only 3 MB are left on the disk for scratch files.",
        ),
    ],
)
def test_the_last_error_is_rendered_from_template_and_parameters(
    template: str, params: dict[str, object] | None, text: str
) -> None:
    assert str(Worker(last_error=template, last_error_params=params).last_error_message) == text


def test_a_worker_is_named_by_name_and_state() -> None:
    assert str(Worker(name="gpu-1", state=Worker.State.READY)) == "gpu-1 (ready)"
