"""The CSV file is read in keyset pages: each row once, in order, whatever the size of a page."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.keys.services import create_api_key
from accounts.quota.models import UsageDay
from accounts.quota.views import csv_export
from tests.support.people import Person

# Two days of the current month.
FIRST = datetime.now(UTC).date().replace(day=1)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def record(alice: Person) -> Callable[..., None]:
    def make(day: date, model: str, *, user_id: int | None, api_key_id: int | None = None, used: int = 1) -> None:
        UsageDay.objects.create(
            team=alice.team, day=day, model=model, user_id=user_id, api_key_id=api_key_id, credits=used
        )

    return make


def rows_of(person: Person) -> list[dict[str, str]]:
    response: Any = person.get("/usage.csv")
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 1000])
def test_every_row_is_sent_once_and_in_order(
    page_size: int, alice: Person, mia: Person, record: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows without a person or without a key come last, as PostgreSQL sorts them."""
    monkeypatch.setattr(csv_export, "_PAGE_SIZE", page_size)
    keys = [create_api_key(team=alice.team, creator=alice.user, name=name)[0] for name in ("one", "two")]
    expected: list[tuple[str, str, str]] = []
    number = 0
    for day in (FIRST, SECOND):
        for model in ("camera", "i2vgen-xl"):
            for user_id in (alice.user.pk, mia.user.pk, None):
                for key in (*keys, None):
                    number += 1
                    record(day, model, user_id=user_id, api_key_id=key and key.pk, used=number)
                    expected.append((day.isoformat(), model, str(number)))
    assert [(row["day"], row["model"], row["credits"]) for row in rows_of(alice)] == expected


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_page_needs_three_queries(
    page_size: int,
    alice: Person,
    record: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
) -> None:
    """One for the rows, one for their people, one for their keys."""
    monkeypatch.setattr(csv_export, "_PAGE_SIZE", page_size)
    key, _ = create_api_key(team=alice.team, creator=alice.user, name="one")
    for number in range(4):
        record(FIRST, f"model-{number}", user_id=alice.user.pk, api_key_id=key.pk)
    # Session, user and membership; the days; perhaps a page that turns out to be empty.
    with django_assert_max_num_queries(5 + 3 * -(-4 // page_size)):
        assert len(rows_of(alice)) == 4
