"""Announcements and impersonations: their periods, texts and constraints."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import override

from portal.admin.models import MAX_IMPERSONATION_DURATION, Announcement, Impersonation
from tests.support.people import Person

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("starts", "ends", "is_active"),
    [(-MINUTE, None, True), (-MINUTE, MINUTE, True), (MINUTE, None, False), (-2 * MINUTE, -MINUTE, False)],
)
def test_when_an_announcement_is_shown(starts: timedelta, ends: timedelta | None, is_active: bool) -> None:
    now = timezone.now()
    announcement = Announcement(starts_at=now + starts, ends_at=None if ends is None else now + ends)
    assert announcement.is_active is is_active


@pytest.mark.parametrize(("language", "text"), [("en", "Soon"), ("zh-hans", "稍后"), ("de", "Soon")])
def test_an_announcement_is_in_the_reader_s_language(language: str, text: str) -> None:
    with override(language):
        assert str(Announcement(text_en="Soon", text_zh="稍后")) == text


@pytest.mark.parametrize("changes", [{"ends_at": timezone.now() - timedelta(days=1)}, {"level": "loud"}])
def test_an_impossible_announcement_is_not_stored(changes: dict[str, Any], db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.create(text_en="Soon", text_zh="稍后", **changes)


@pytest.mark.parametrize(
    ("age", "was_ended", "is_finished"),
    [
        (timedelta(), False, False),
        (MAX_IMPERSONATION_DURATION - MINUTE, False, False),
        (MAX_IMPERSONATION_DURATION, False, True),
        (timedelta(), True, True),
    ],
)
def test_when_an_impersonation_is_finished(age: timedelta, was_ended: bool, is_finished: bool) -> None:
    now = timezone.now()
    impersonation = Impersonation(started_at=now - age, ended_at=now if was_ended else None)
    assert impersonation.is_finished is is_finished


def test_an_impersonation_has_a_reason(adele: Person, alice: Person) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Impersonation.objects.create(administrator=adele.user, person=alice.user, reason="")
    found = Impersonation.objects.create(administrator=adele.user, person=alice.user, reason="a ticket")
    assert str(found) == "adele@example.com as alice@example.com"
