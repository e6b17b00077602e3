"""Lists of videos by words, state and model: their content, and the use of indexes."""

import copy
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import tenancy
from accounts.models import Team
from common.ids import first_id_at
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


# Prompts of videos that are neither among the newest nor among the oldest 3,000.
PROMPTS = [
    *("a", "ab", "abc", "abcd", "Abcde FGH", "4K", "4k, 3D", "100% red_panda", "100 red-panda", "a\\b", "a\\\\b"),
    *("it's", "''", "':*", "a & b | !c", "<-> (x)", "tab\tand\nline", "  two  blanks  ", "camera camera camera zooms"),
    *(
        "熊猫",
        "一只熊猫在雨中",
        "熊在等猫",
        "熊 猫",
        "熊a猫",
        "a熊猫",
        "ab熊",
        "ねこが走る",
        "고양이",
        "4K熊猫饼",
        "🐼 panda",
        "🐼",
    ),
    *("ÄPFEL und Öl", "Straße", "Ελλάδα", "ЁЖИК в тумане", "e\u0301", "x" * 300, "ab" * 400),
]
FILTERS = [
    {},
    {"state": State.FAILED},
    {"state": State.QUEUED},
    {"model": "scripted"},
    {"state": "failed", "model": "camera"},
]


@pytest.fixture
def spread(alice: Person, bob: Person) -> list[Job]:
    """Return the team's videos, newest first: PROMPTS in each of several periods between 6,000 others."""
    fill_videos(alice.team, alice.user, first=1, last=3_050)
    fill_videos(alice.team, alice.user, first=1_900_000, last=1_903_050)
    pattern = Job.objects.for_team(alice.team).filter(state="completed").order_by("pk")[0]
    number, jobs = 0, []
    for days in (1, 2, 9, 60, 61):
        for prompt in PROMPTS:
            number += 1
            job = copy.copy(pattern)
            job.created_at = pattern.created_at + timedelta(days=days, seconds=number)
            job.id = uuid.UUID(int=first_id_at(int(job.created_at.timestamp())).int + number)
            job.prompt = prompt
            job.model = "scripted" if number % 3 == 0 else "camera"
            job.team = bob.team if number % 7 == 0 else alice.team
            if number % 5 < 2:
                job.state, job.result_key, job.charged_credits = State.FAILED, "", None
            elif number % 5 == 2:
                job.state, job.result_key, job.charged_credits, job.finished_at = State.QUEUED, "", None, None
            jobs.append(job)
    Job.objects.bulk_create(jobs)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # while examples are generated
    return list(Job.objects.for_team(alice.team).order_by("-pk"))


def naively_found(jobs: Sequence[Job], search: str, newest_first: bool, after: Job | None, **filters: str) -> list[Job]:
    """Filter in Python what `list_videos` finds by indexes."""
    found = [
        job
        for job in jobs
        if all(word in job.prompt.lower() for word in search.lower().split())
        and all(getattr(job, name) == value for name, value in filters.items())
    ]
    found.sort(key=lambda job: job.pk.bytes, reverse=newest_first)
    return [job for job in found if after is None or (job.pk < after.pk if newest_first else job.pk > after.pk)]


def test_the_index_finds_exactly_what_reading_all_prompts_finds(spread: list[Job], alice: Person) -> None:
    parts = st.sampled_from(PROMPTS).flatmap(
        lambda text: st.tuples(st.integers(0, len(text) - 1), st.integers(1, 12)).map(
            lambda at: text[at[0] : at[0] + at[1]]
        )
    )
    texts = st.one_of(parts, parts.map(str.swapcase), st.text("ab%_\\'\" :*&|!()<>-4k熊猫é", min_size=1, max_size=6))

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        search=st.one_of(texts, st.sampled_from([*PROMPTS, "camera", "小猫", "camera slowly", "xylophone"])),
        newest_first=st.booleans(),
        filters=st.sampled_from(FILTERS),
        place=st.one_of(st.none(), st.integers(0, len(spread) - 1)),
        limit=st.integers(1, 50),
    )
    def compare(search: str, newest_first: bool, filters: dict[str, Any], place: int | None, limit: int) -> None:
        after = None if place is None else spread[place]
        expected = naively_found(spread, search, newest_first, after, **filters)
        page = list_videos(
            team=alice.team,
            filters=VideoFilter(search=search, **filters),
            after=None if after is None else after.pk,
            limit=limit,
            newest_first=newest_first,
        )
        assert [job.pk for job in page.rows] == [job.pk for job in expected[:limit]]
        assert page.has_more == (len(expected) > limit)

    compare()
    for prompt in PROMPTS:
        found = list_videos(team=alice.team, filters=VideoFilter(search=prompt), limit=10_000).rows
        assert found == naively_found(spread, prompt, True, None)
        assert len([job for job in found if job.prompt == prompt]) >= 3


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (VideoFilter(state="expired"), "job_of_state"),
        (VideoFilter(model="scripted"), "job_of_model"),
        (VideoFilter(search="okapi"), "job_ngrams"),
        (VideoFilter(search="camera okapi zooms"), "job_ngrams"),
        (VideoFilter(search="qz"), "job_ngrams"),
        (VideoFilter(search="q"), "job_ngrams"),
        (VideoFilter(search="熊猫"), "job_ngrams"),
        (VideoFilter(search="饼"), "job_ngrams"),
    ],
)
def test_rare_values_use_an_index(filters: VideoFilter, index: str, many: Team, plans: list[str]) -> None:
    list_videos(team=many, filters=filters, limit=20)
    assert index in " ".join(plans)


@pytest.mark.parametrize("search", ["zebra", "ze"])
def test_a_search_reads_no_rows_of_other_teams(search: str, many: Team, charlie: Person, plans: list[str]) -> None:
    others = []
    for job in Job.objects.for_team(many).filter(state="completed").order_by("pk")[:50]:
        other = copy.copy(job)
        other.id, other.prompt = uuid.UUID(int=job.id.int + 1), "a zebra walks"
        other.team, other.user = charlie.team, charlie.user
        others.append(other)
    Job.objects.bulk_create(others)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('auto_explain.log_analyze', 'on', true)")
    assert list_videos(team=many, filters=VideoFilter(search=search), limit=20).rows == []
    read = [plan for plan in plans if "job_ngrams" in plan]
    assert read
    assert "Rows Removed by Filter" not in read[0]
    assert len(list_videos(team=charlie.team, filters=VideoFilter(search=search), limit=100).rows) == len(others)


def test_long_words_do_not_hide_the_rare_one(many: Team, plans: list[str]) -> None:
    """The index is asked for n-grams of each word, although those of two long words would be enough of them."""
    prompt = prompts(many, "okapi")[0]
    longest = sorted({word for word in prompt.split() if word != "okapi"}, key=len)[-2:]
    plans.clear()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('auto_explain.log_analyze', 'on', true)")
    assert prompts(many, f"{longest[0]} {longest[1]} okapi") == [prompt]
    read = [plan for plan in plans if "job_ngrams" in plan]
    assert read
    assert "Rows Removed by Filter" not in read[0]


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
