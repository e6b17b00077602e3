"""Pages make a fixed number of database queries, however many objects they show."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from jobs.batches.models import Batch, BatchItem
from jobs.galleries.models import Collection, CollectionItem, Publication
from jobs.models import Job
from jobs.states import State
from tests.support.people import Person


@pytest.mark.parametrize("jobs", [1, 5])
def test_the_history_page(jobs: int, mia: Person, make_job: Callable[..., Job], django_assert_num_queries: Any) -> None:
    for _ in range(jobs):
        make_job(mia, State.COMPLETED)
    with django_assert_num_queries(5):  # session, user, membership with team, wallet, jobs
        assert mia.get("/history").status_code == 200


@pytest.mark.parametrize("rows", [1, 4])
def test_galleries_and_batches(
    rows: int, mia: Person, make_job: Callable[..., Job], django_assert_num_queries: Any
) -> None:
    for index in range(rows):
        job = make_job(mia, State.COMPLETED)
        publication = Publication.objects.create(team=mia.team, job=job, publisher=mia.user, model=job.model)
        collection = Collection.objects.create(team=mia.team, name=f"Number {index}")
        CollectionItem.objects.create(team=mia.team, collection=collection, publication=publication)
        batch = Batch.objects.create(team=mia.team, user=mia.user, total=1, fingerprint=b"")
        BatchItem.objects.create(team=mia.team, batch=batch, index=0, job=job)
    # session, user, membership with team, wallet; and
    with django_assert_num_queries(8):  # ids found, publications, collections, people
        assert mia.get("/gallery").content.count(b'class="poster"') == rows
    with django_assert_num_queries(5):  # collections with their sizes and covers
        assert mia.get("/gallery/collections").status_code == 200
    with django_assert_num_queries(6):  # batches, their videos
        assert mia.get("/batches").status_code == 200


def test_the_api_keys_page(mia: Person, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(5):  # session, user, membership with team, wallet, keys
        mia.get("/api-keys")


def test_the_log_line_of_a_page_names_the_team(mia: Person) -> None:
    lines: list[str] = []
    recorder = logging.Handler()
    recorder.setFormatter(logging.getLogger().handlers[0].formatter)
    recorder.emit = lambda record: lines.append(recorder.format(record))  # type: ignore[method-assign]
    logging.getLogger().addHandler(recorder)
    try:
        mia.get("/api-keys")
    finally:
        logging.getLogger().removeHandler(recorder)
    (request,) = [line for line in map(json.loads, lines) if line["event"] == "request_finished"]
    assert request["team"] == mia.team.pk
