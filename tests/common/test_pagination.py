"""Keyset pages: complete, without repetition, and stable while rows are added."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from accounts.audit.models import AuditEntry, Verb
from common.errors import NotFound
from common.pagination import KeysetPaginator, Page, parse_integer_id
from jobs.models import Job
from tests.support.people import Person

pytestmark = pytest.mark.django_db


def pages_of(paginator: KeysetPaginator[Any]) -> list[list[Any]]:
    pages: list[list[Any]] = []
    after = ""
    while len(pages) < 20:
        page = paginator.get_page(after)
        pages.append([row.pk for row in page.rows])
        after = page.next_after
        if not after:
            return pages
    raise AssertionError("the pages never end")


@pytest.fixture
def ids(alice: Person, make_job: Callable[..., Job]) -> list[Any]:
    return sorted(make_job(alice).pk for _ in range(5))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(("per_page", "lengths"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_all_rows_are_returned_once_and_in_order(
    ids: list[Any], newest_first: bool, per_page: int, lengths: list[int]
) -> None:
    pages = pages_of(KeysetPaginator(Job.objects.all(), per_page, prefix="vid", newest_first=newest_first))
    assert [len(page) for page in pages] == lengths
    assert list(chain(*pages)) == (ids[::-1] if newest_first else ids)


def test_new_rows_do_not_shift_later_pages(ids: list[Any], alice: Person, make_job: Callable[..., Job]) -> None:
    paginator = KeysetPaginator(Job.objects.all(), 2, prefix="vid")
    first = paginator.get_page()
    make_job(alice)
    assert [job.pk for job in paginator.get_page(first.next_after).rows] == ids[::-1][2:4]


def test_the_rows_after_a_deleted_one_are_found(ids: list[Any]) -> None:
    paginator = KeysetPaginator(Job.objects.exclude(pk=ids[3]), 10, prefix="vid")
    assert [job.pk for job in paginator.get_page(f"vid_{ids[3].hex}").rows] == ids[2::-1]


@pytest.mark.parametrize("after", ["", None])
def test_without_an_id_the_first_page_is_returned(ids: list[Any], after: str | None) -> None:
    assert KeysetPaginator(Job.objects.all(), 2, prefix="vid").get_page(after).rows[0].pk == ids[-1]


def test_an_empty_list_has_one_empty_page() -> None:
    page = KeysetPaginator(Job.objects.none(), 2, prefix="vid").get_page()
    assert (list(page.rows), page.has_more, page.next_after) == ([], False, "")


@pytest.mark.parametrize("after", ["vid_1", "batch_" + "0" * 32, "vid_" + "0" * 33, "vid_" + "A" * 32, "x", "vid_"])
def test_a_malformed_id_is_not_found(after: str) -> None:
    with pytest.raises(NotFound):
        KeysetPaginator(Job.objects.all(), 2, prefix="vid").get_page(after)


def test_a_search_receives_the_key_and_the_limit(ids: list[Any]) -> None:
    received: list[Any] = []

    def find(after: Any, limit: int) -> Page[Job]:
        received.append((after, limit))
        return Page(list(Job.objects.filter(pk=ids[0])), has_more=True)

    page = KeysetPaginator[Job](find, 7, prefix="vid").get_page(f"vid_{ids[1].hex}")
    assert received == [(ids[1], 7)]
    assert page.next_after == f"vid_{ids[0].hex}"


def test_integer_ids_have_no_prefix(alice: Person) -> None:
    keys = sorted(AuditEntry.objects.create(verb=Verb.SIGN_IN, actor=alice.user).pk for _ in range(3))
    rows = AuditEntry.objects.filter(pk__in=keys)
    paginator = KeysetPaginator(rows, 2, prefix="")
    assert pages_of(paginator) == [keys[:0:-1], keys[:1]]
    assert paginator.get_page().next_after == str(keys[1])
    for invalid in ("-1", "0", "x", "²", str(2**63), "9" * 5000):
        assert paginator.get_page(invalid) == paginator.get_page()


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("0", None), ("", None), ("٣", None)],
)
def test_integer_ids_are_parsed(text: str, number: int | None) -> None:
    assert parse_integer_id(text) == number
