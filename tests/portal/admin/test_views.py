"""The buttons of the administration on other pages."""

import pytest
from django.test import Client
from django.utils import timezone

from portal.admin.announcements import announcement_cache
from portal.admin.models import Announcement
from tests.support.people import Person


@pytest.fixture
def announcement(db: None) -> Announcement:
    found = Announcement.objects.create(text_en="Back soon", text_zh="稍后", starts_at=timezone.now())
    announcement_cache.clear()
    return found


@pytest.mark.parametrize(
    ("next_url", "location"),
    [
        ("/team", "/team"),
        ("/history?q=cat", "/history?q=cat"),
        ("", "/"),
        ("https://example.com/", "/"),
        ("//example.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("history", "/"),
    ],
)
def test_dismissing_returns_to_a_page_of_this_site(
    next_url: str, location: str, announcement: Announcement, alice: Person
) -> None:
    url = f"/desk/announcements/{announcement.pk}/dismiss"
    assert alice.post(url, {"next": next_url})["Location"] == location
    assert "Back soon" not in alice.get("/history").content.decode()


def test_an_announcement_that_cannot_be_dismissed_stays(announcement: Announcement, alice: Person) -> None:
    Announcement.objects.update(dismissible=False)
    announcement_cache.clear()
    alice.post(f"/desk/announcements/{announcement.pk}/dismiss")
    assert "Back soon" in alice.get("/history").content.decode()


def test_another_announcement_stays(announcement: Announcement, alice: Person) -> None:
    alice.post(f"/desk/announcements/{announcement.pk + 1}/dismiss")
    assert "Back soon" in alice.get("/history").content.decode()


@pytest.mark.parametrize("path", ["/desk/stop-viewing", "/desk/announcements/1/dismiss"])
def test_the_buttons_need_a_post(path: str, alice: Person) -> None:
    assert alice.get(path).status_code == 405


def test_stopping_without_an_impersonation_changes_nothing(alice: Person, anonymous: Client) -> None:
    assert alice.post("/desk/stop-viewing")["Location"] == "/admin/"
    assert alice.get("/history").status_code == 200
    assert alice.client.session["team"] == alice.team.pk
    assert anonymous.post("/desk/stop-viewing")["Location"] == "/admin/"
