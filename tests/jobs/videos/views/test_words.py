"""What was said in English to programs reads in Chinese on Chinese pages; what nobody translated stays as it was."""

from collections.abc import Callable

import pytest
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.translation import override

from inference.catalogue import MODELS
from jobs.models import Job
from jobs.states import State
from jobs.videos.submission import _warnings
from jobs.videos.views.words import translated
from tests.support.pages import Person, picture


@pytest.mark.parametrize(
    ("text", "code", "chinese"),
    [
        ("The engine crashed.", "engine_crashed", "引擎崩溃了。"),
        ("The engine crashed. It was tried 3 times.", "engine_crashed", "引擎崩溃了。 已尝试 3 次。"),
        ("CUDA out of memory: 81234 MB wanted", "out_of_memory", "GPU 显存不足。"),
        ("camera makes 256p, 512p.", "", "camera 只支持 256p, 512p。"),
        ("No answer in time.", "", "对方没有及时回应。"),
        ("The certificate is not valid for this address.", "", "该地址的证书无效。"),
        ("Something new.", "unheard_of", "Something new."),
        ("", "", ""),
        ("field: " * 2000, "", "field: " * 2000),
        ("CUDA out of memory. " * 2000, "out_of_memory", "GPU 显存不足。"),
    ],
)
def test_by_sentence_by_code_or_not_at_all(text: str, code: str, chinese: str) -> None:
    with override("zh-hans"):
        assert translated(text, code=code) == chinese
    with override("en"):
        assert translated(text, code=code) == text


def test_the_warning_about_long_prompts() -> None:
    (warning,) = _warnings(MODELS["i2vgen-xl"], "word " * 100)
    with override("zh-hans"):
        assert "词元" in translated(warning)


def test_a_short_password() -> None:
    with override("zh-hans"), pytest.raises(ValidationError, match="至少需要 10 个字符"):
        MinimumLengthValidator(10).validate("short")


def test_the_page_of_a_failed_video(mia: Person, make_job: Callable[..., Job]) -> None:
    job = make_job(
        mia, State.FAILED, error_code="worker_lost", error_message="The worker that was making it went away."
    )
    mia.client.post("/language", {"language": "zh-hans"})
    page = mia.get(f"/videos/{job.public_id}").content.decode()
    assert "正在制作它的工作进程消失了。" in page
    assert "(standard)" not in page


def test_what_the_form_refuses(mia: Person) -> None:
    mia.client.post("/language", {"language": "zh-hans"})
    answer = mia.htmx("/", {"prompt": "a\0b", "image": picture()})
    assert "含有非文本字符" in answer.content.decode()
    answer = mia.htmx("/", {"prompt": "move", "image": picture((3000, 100))})
    assert "图片太狭长" in answer.content.decode()


def test_the_sign_in_page(anonymous: Client) -> None:
    page = anonymous.get("/accounts/login/")
    assert "Remember me" in page.content.decode()
