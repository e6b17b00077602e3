"""Announcements: shown on every page in the reader's language, between start and end time, until dismissed."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from portal.admin.models import Announcement
from tests.support.people import Person

FIELDS = {"text_en": "Back at noon", "text_zh": "中午恢复", "level": "warning", "dismissible": "on"}


def create_announcement(adele: Person, **changes: str) -> None:
    now = timezone.now()
    times = {"starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": "00:00:00", "ends_at_0": "", "ends_at_1": ""}
    response = adele.post("/admin/desk/announcement/add/", {**FIELDS, **times, **changes})
    assert response.status_code == 302, response.content.decode()


def test_an_announcement_is_shown_in_the_reader_s_language_until_dismissed(adele: Person, alice: Person) -> None:
    create_announcement(adele)
    assert "Back at noon" in alice.get("/history").content.decode()
    assert "Back at noon" in Client().get("/accounts/login/").content.decode()
    alice.client.post("/language", {"language": "zh-hans"})
    assert "中午恢复" in alice.get("/history").content.decode()
    row = Announcement.objects.get()
    response = alice.post(f"/desk/announcements/{row.pk}/dismiss", {"next": "/history"})
    assert response["Location"] == "/history"
    assert "中午恢复" not in alice.get("/history").content.decode()
    assert "Back at noon" in Client().get("/accounts/login/").content.decode()


def test_an_announcement_that_cannot_be_dismissed_stays(adele: Person, alice: Person) -> None:
    create_announcement(adele, dismissible="")
    alice.post(f"/desk/announcements/{Announcement.objects.get().pk}/dismiss", {"next": "//evil.example"})
    assert "Back at noon" in alice.get("/history").content.decode()


def test_an_announcement_is_shown_between_its_start_and_end_time_only(alice: Person) -> None:
    now = timezone.now()
    hour = timedelta(hours=1)
    Announcement.objects.create(text_en="Too early", text_zh="太早", starts_at=now + hour)
    Announcement.objects.create(text_en="Too late", text_zh="太晚", starts_at=now - 2 * hour, ends_at=now - hour)
    page = alice.get("/history").content.decode()
    assert "Too early" not in page
    assert "Too late" not in page
