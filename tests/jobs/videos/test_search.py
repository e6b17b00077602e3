"""Lists of videos by words, state and model: their content, and the use of indexes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from accounts import tenancy
from accounts.models import Team
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from jobs.videos.search import VideoFilter, list_videos
from tests.benchmarks.many_jobs import fill_videos
from tests.support.people import Person

# More than the newest videos, which are searched before the index on words is used.
MANY = 3_100


@pytest.fixture
def many(alice: Person) -> Team:
    fill_videos(alice.team, alice.user, first=1, last=MANY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('job_words'), gin_clean_pending_list('job_letters')")
        cursor.execute("ANALYZE jobs_job")
    return alice.team


def prompts(team: Team, search: str, **more: Any) -> list[str]:
    return [job.prompt for job in list_videos(team=team, filters=VideoFilter(search=search, **more), limit=100).rows]


@pytest.mark.parametrize("state", [State.CANCELED, State.QUEUED])
def test_words_of_one_and_two_characters_in_scripts_without_spaces(
    state: State, alice: Person, submit: Callable[..., Job]
) -> None:
    texts = ["一只熊猫在雨中", "熊在等猫", "A panda, slowly: 熊猫", "a cat", "ねこが走る"]
    for text in texts:
        job = submit(prompt=text)
        if state == State.CANCELED:
            cancel_job(job=job)
    assert set(prompts(alice.team, "熊猫")) == {texts[0], texts[2]}
    assert set(prompts(alice.team, "猫")) == set(texts[:3])
    assert set(prompts(alice.team, "slowly: 熊")) == {texts[2]}
    assert set(prompts(alice.team, "ねこ")) == {texts[4]}
    assert prompts(alice.team, "龙") == []
    assert prompts(alice.team, "熊猫", state=State.FAILED) == []


def test_a_rare_word_is_found_behind_the_newest_videos(many: Team) -> None:
    for newest_first in (True, False):
        page = list_videos(team=many, filters=VideoFilter(search="okapi"), limit=5, newest_first=newest_first)
        assert [job.seed for job in page.rows] == [1]
        assert not page.has_more
    assert len(prompts(many, "okapi", model="camera")) == 1
    assert prompts(many, "okapi", model="i2vgen-xl") == []


def test_pages_of_a_common_word_follow_each_other(many: Team) -> None:
    for newest_first in (True, False):
        found: list[Job] = []
        while True:
            after = found[-1].pk if found else None
            filters = VideoFilter(search="小猫")
            page = list_videos(team=many, filters=filters, after=after, limit=40, newest_first=newest_first)
            found += page.rows
            if not page.has_more:
                break
        expected = Job.objects.for_team(many).filter(prompt__contains="小猫")
        assert [job.pk for job in found] == list(
            expected.order_by("-pk" if newest_first else "pk").values_list("pk", flat=True)
        )
        assert len(found) > 40


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (VideoFilter(state="expired"), "job_of_state"),
        (VideoFilter(model="scripted"), "job_of_model"),
        (VideoFilter(search="okapi"), "job_words"),
        (VideoFilter(search="熊猫"), "job_letters"),
        (VideoFilter(search="饼"), "job_letters"),
    ],
)
def test_rare_values_use_an_index(filters: VideoFilter, index: str, many: Team, plans: list[str]) -> None:
    list_videos(team=many, filters=filters, limit=20)
    assert index in " ".join(plans)


def test_with_row_policies_a_list_is_read_in_index_order(many: Team) -> None:
    tenancy.activate(team_id=many.pk)
    try:
        plan = Job.objects.for_team(many).order_by("-pk")[:21].explain()
    finally:
        tenancy.deactivate()
    assert "Index Scan" in plan
    assert "Sort" not in plan


@pytest.fixture
def plans(db: None) -> Iterator[list[str]]:
    """Collect the plans of statements inside functions. Sequential scans, which small tables favor, are disabled."""
    messages: list[str] = []
    connection.ensure_connection()

    def listen(notice: Any) -> None:
        messages.append(notice.message_primary)

    connection.connection.add_notice_handler(listen)
    settings = {
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_nested_statements": "on",
        "client_min_messages": "log",
        "enable_seqscan": "off",
        "enable_indexscan": "off",
    }
    with connection.cursor() as cursor:
        cursor.execute("LOAD 'auto_explain'")
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
    yield messages
    connection.connection.remove_notice_handler(listen)
