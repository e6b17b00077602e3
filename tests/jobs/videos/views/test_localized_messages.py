"""Messages of videos on pages in Chinese: warnings, errors of jobs, and errors of the form."""

from collections.abc import Callable

import pytest
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.translation import override

from common.messages import Message
from inference.models.catalogue import MODELS
from jobs.models import Job
from jobs.states import State
from jobs.videos.submission import _warnings
from tests.support.images import image_upload
from tests.support.people import Person


@pytest.mark.parametrize(
    ("message", "chinese"),
    [
        (Message("The engine crashed."), "引擎崩溃了。"),
        (
            Message("%(model)s has no %(field)s. Remove it.", {"model": "x", "field": "y"}),
            "x 没有 y。请去掉它。",
        ),
        (
            Message(
                "The file at this URL cannot be used. %(reason)s",
                {"reason": Message("The image is animated. Send a still image.")},
            ),
            "该 URL 上的文件无法使用。这是动图，请发送静态图片。",  # noqa: RUF001
        ),
        (Message("A text without a translation."), "A text without a translation."),
        (Message(""), ""),
        (Message("50 %(x)s {y} " * 2000), "50 %(x)s {y} " * 2000),
    ],
)
def test_messages_are_localized(message: Message, chinese: str) -> None:
    with override("zh-hans"):
        assert message.localized() == chinese
    with override("en"):
        assert message.localized() == str(message)


def test_the_warning_about_long_prompts() -> None:
    (warning,) = _warnings(MODELS["i2vgen-xl"], "word " * 100)
    with override("zh-hans"):
        assert "词元" in warning.localized()


def test_a_short_password() -> None:
    with override("zh-hans"), pytest.raises(ValidationError, match="至少需要 10 个字符"):
        MinimumLengthValidator(10).validate("short")


def test_the_page_of_a_failed_video(mia: Person, make_job: Callable[..., Job]) -> None:
    job = make_job(mia, State.FAILED, error_code="engine_crashed", error_message="The engine crashed.", error_params={})
    mia.client.post("/language", {"language": "zh-hans"})
    page = mia.get(f"/videos/{job.public_id}").content.decode()
    assert "引擎崩溃了。" in page
    assert "(standard)" not in page


def test_errors_of_the_form(mia: Person) -> None:
    mia.client.post("/language", {"language": "zh-hans"})
    response = mia.htmx("/", {"prompt": "a\0b", "image": image_upload()})
    assert "含有非文本字符" in response.content.decode()
    response = mia.htmx("/", {"prompt": "move", "image": image_upload((3000, 100))})
    assert "图片太狭长" in response.content.decode()


def test_the_sign_in_page(anonymous: Client) -> None:
    page = anonymous.get("/accounts/login/")
    assert "Remember me" in page.content.decode()
