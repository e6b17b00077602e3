"""The Create page offers what the plan allows, says why the rest is not there, and refuses what is sent anyway."""

import re
from typing import Any

import pytest

from accounts.models import Membership
from accounts.quota.models import Plan
from jobs.models import Job
from tests.pages.conftest import Person
from tests.pages.test_create_form import fields


def choices(page: str, name: str) -> list[str]:
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    return [option.strip() for option in re.findall(r"<option[^>]*>\s*(.*?)\s*</option>", select[0])] if select else []


def test_with_everything_allowed_nothing_is_missing(mia: Person) -> None:
    page = mia.get("/").content.decode()
    assert choices(page, "resolution") == ["256p", "512p", "768p", "1024p"]
    assert choices(page, "output_format") == ["MP4 video", "GIF picture"]
    assert re.findall(r'name="preset"\s+value="(\w+)"', page) == ["fast", "standard", "high", "batch"]
    assert "does not have the rest" not in page


def test_what_the_plan_lacks_is_not_offered_and_that_is_said(mia: Person) -> None:
    Plan.objects.update(
        max_resolution=512, max_frames=12, max_steps=40, allowed_formats=["gif"], allowed_priorities=["normal"]
    )
    page = mia.get("/").content.decode()
    assert choices(page, "resolution") == ["256p", "512p"]
    assert choices(page, "output_format") == ["GIF picture"]
    assert re.findall(r'name="preset"\s+value="(\w+)"', page) == ["fast"]
    assert re.search(r'name="num_frames"\s+min="8"\s+max="12"\s+step="1"\s+value="12"', page)
    assert re.search(r'name="steps"\s+min="10"\s+max="40"\s+step="1"\s+value="40"', page)
    assert "The plan of your team (standard) does not have the rest." in page
    price = mia.htmx("/price").content.decode()
    assert "price-fast" in price
    assert "price-high" not in price


@pytest.mark.parametrize(
    ("language", "says"), [("en", "allows up to 12 frames"), ("zh-hans", "团队的套餐最多允许 12 帧")]
)
def test_what_is_sent_anyway_is_refused_at_its_field(language: str, says: str, mia: Person) -> None:
    Plan.objects.update(max_frames=12)
    answer = mia.client.post("/", fields(num_frames="16"), headers={"HX-Request": "true", "Accept-Language": language})
    assert answer.status_code == 422
    mark = re.search(r'id="error-num_frames".*?</p>', answer.content.decode(), re.DOTALL)
    assert mark
    assert says in mark[0]
    assert not Job.objects.exists()


@pytest.mark.parametrize(("language", "says"), [("en", "allows you 0 videos a day"), ("zh-hans", "每天 0 个视频")])
def test_a_used_up_cap_is_said_beside_the_price(language: str, says: str, mia: Person) -> None:
    Membership.objects.filter(user=mia.user).update(videos_per_day=0)
    headers: Any = {"HX-Request": "true", "Accept-Language": language}
    answer = mia.client.post("/", fields(), headers=headers)
    assert says in answer.content.decode()
    assert not Job.objects.exists()
