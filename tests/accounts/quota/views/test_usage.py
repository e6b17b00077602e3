"""The Usage page and its CSV file: who sees what, the texts, and the number of queries."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.models import Plan, QuotaWarning, UsageDay, Wallet
from accounts.quota.services import adjust, grant
from accounts.quota.views.csv_export import escape_formula
from tests.support.people import Person

NOW = datetime(2031, 3, 20, 12, tzinfo=UTC)
BOM = "\ufeff"


def record_usage(person: Person, day: date, used: int, **columns: Any) -> None:
    values = {"model": "camera", "videos": 2, "completed": 1, "gpu_seconds": used / 2, "user_id": person.user.pk}
    UsageDay.objects.create(team=person.team, day=day, credits=used, **{**values, **columns})


def set_created_at(person: Person, moment: datetime) -> None:
    Team.objects.filter(pk=person.team.pk).update(created_at=moment)


@pytest.fixture
def march(alice: Person, mia: Person, bob: Person, charlie: Person) -> Iterator[ApiKey]:
    """The middle of a month in which Alice, Mia and another team used credits."""
    key, _ = create_api_key(team=alice.team, creator=alice.user, name="nightly batch")
    for person in (alice, charlie):
        set_created_at(person, datetime(2031, 1, 10, tzinfo=UTC))
    record_usage(alice, date(2031, 3, 5), 300, api_key=key, model="i2vgen-xl")
    record_usage(mia, date(2031, 3, 6), 45)
    record_usage(alice, date(2031, 2, 6), 77)
    record_usage(charlie, date(2031, 3, 6), 9876)
    Session.objects.update(expire_date=datetime(2032, 1, 1, tzinfo=UTC))
    with time_machine.travel(NOW):
        yield key


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def lines_of(response: Any) -> list[dict[str, str]]:
    content = b"".join(response.streaming_content).decode()
    assert content.startswith(BOM)
    return list(csv.DictReader(io.StringIO(content.removeprefix(BOM), newline="")))


@pytest.mark.usefixtures("march")
def test_managers_see_all_members_and_the_ledger(alice: Person) -> None:
    grant(team=alice.team, credits=500, reason="Thanks for the report", actor=alice.user)
    adjust(team=alice.team, credits=-40, reason="Credited twice")
    page = text_of(alice.get("/usage"))
    for text in ("March 2031", "345", "alice@example.com", "mia@example.com", "nightly batch", "In the browser"):
        assert text in page
    assert "+500 Thanks for the report alice@example.com" in page
    assert "-40 Credited twice Automatic" in page
    assert "March 5: 300 credits" in page
    assert "9,876" not in page


@pytest.mark.usefixtures("march")
def test_members_and_viewers_see_the_totals_and_their_own_usage(alice: Person, mia: Person, bob: Person) -> None:
    grant(team=alice.team, credits=500, reason="Thanks for the report")
    for person in (mia, bob):
        page = text_of(person.get("/usage"))
        assert "345" in page
        assert "Owners and admins see the usage of all members" in page
        assert "i2vgen-xl" in page
        for text in ("alice@example.com", "nightly batch", "Thanks for the report"):
            assert text not in page
    assert "mia@example.com 45" in text_of(mia.get("/usage"))


@pytest.mark.usefixtures("march")
def test_another_team_sees_only_its_own_usage(charlie: Person, anonymous: Client) -> None:
    page = text_of(charlie.get("/usage"))
    assert "9,876" in page
    assert "345" not in page
    for path in ("/usage", "/usage.csv"):
        assert anonymous.get(path)["Location"] == f"/accounts/login/?next={path}"


@pytest.mark.usefixtures("march")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("month=2031-02", "February 2031"),
        ("month=2030-12", "March 2031"),
        ("month=2031-13", "March 2031"),
        ("month=0000-01", "March 2031"),
        ("month=%00", "March 2031"),
        ("month=٢٠٣١-٠٢", "March 2031"),
        ("month=" + "9" * 5000, "March 2031"),
    ],
)
def test_an_unknown_month_shows_the_current_one(query: str, shown: str, alice: Person) -> None:
    response = alice.get(f"/usage?{query}")
    assert response.status_code == 200
    assert re.search(rf"selected\s*>\s*{shown}", response.content.decode())
    assert re.findall(r'<option\s+value="([\d-]+)"', response.content.decode()) == ["2031-03", "2031-02", "2031-01"]


@pytest.mark.usefixtures("march")
def test_credits_of_the_month(alice: Person) -> None:
    plan = Plan.objects.create(name="monthly", monthly_credits=400)
    Wallet.objects.filter(team=alice.team).update(plan=plan, balance=655, reserved=12)
    page = text_of(alice.get("/usage"))
    assert "86% of 400 monthly credits" in page
    assert "Reserved 12" in page
    assert "Left 655" in page
    assert "Resets on April 1, 2031" in page
    assert "Resets on" not in text_of(alice.get("/usage?month=2031-02"))


@pytest.mark.usefixtures("march")
def test_deleted_accounts_and_revoked_keys_are_labeled(alice: Person, march: ApiKey) -> None:
    ApiKey.objects.filter(pk=march.pk).update(revoked_at=NOW)
    closed = User.objects.create_user("closed-7@invalid", is_active=False)
    record_usage(alice, date(2031, 3, 7), 3, user_id=closed.pk)
    record_usage(alice, date(2031, 3, 7), 2, user_id=987_654, api_key_id=123_456)
    page = text_of(alice.get("/usage"))
    assert "nightly batch Revoked" in page
    assert page.count("Deleted account") == 2
    assert "Deleted key" in page
    assert "@invalid" not in page


def test_a_month_without_usage(alice: Person) -> None:
    page = text_of(alice.get("/usage"))
    assert "No usage" in page
    assert "Starting credits" in page
    assert len(lines_of(alice.get("/usage.csv"))) == 0


@pytest.mark.usefixtures("march")
def test_csv_file(alice: Person, mia: Person) -> None:
    User.objects.filter(pk=mia.user.pk).update(name='=HYPERLINK("http://evil", "a, b")')
    response = alice.get("/usage.csv?month=2031-03")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="mutoscope-usage-2031-03.csv"'
    assert "no-store" in response["Cache-Control"]
    lines = lines_of(response)
    assert [(line["day"], line["email"], line["key"], line["credits"]) for line in lines] == [
        ("2031-03-05", "alice@example.com", "nightly batch", "300"),
        ("2031-03-06", "mia@example.com", "In the browser", "45"),
    ]
    assert lines[1]["member"] == '\'=HYPERLINK("http://evil", "a, b")'
    assert [line["email"] for line in lines_of(mia.get("/usage.csv"))] == ["mia@example.com"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\uff20SUM(A1)"])
def test_formulas_are_escaped(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


def test_other_cells_are_not_changed() -> None:
    for text in ("", "nightly batch", "a=b", "戴晓雨"):
        assert escape_formula(text) == text


@pytest.mark.parametrize("people", [1, 8])
def test_number_of_queries(people: int, alice: Person, django_assert_num_queries: Any) -> None:
    for number in range(people):
        user = User.objects.create_user(f"member{number}@example.com")
        Membership.objects.create(team=alice.team, user=user)
        key, _ = create_api_key(team=alice.team, creator=user, name=f"key {number}")
        record_usage(alice, datetime.now(UTC).date(), 5, user_id=user.pk, api_key=key)
    # Session, user, membership with team, wallet summary; sums by day, member, key and model, names of people and keys,
    # wallet, ledger.
    with django_assert_num_queries(12):
        assert alice.get("/usage").status_code == 200
    # Session, user, membership; the days, one page of rows, the names of its people and keys.
    with django_assert_num_queries(7):
        assert len(lines_of(alice.get("/usage.csv"))) == people


def test_bars_beyond_twenty_are_summed_up(alice: Person) -> None:
    for number in range(23):
        record_usage(alice, datetime.now(UTC).date(), 100 - number, user_id=10_000 + number)
    page = text_of(alice.get("/usage"))
    assert page.count("Deleted account") == 20
    assert "3 others all in the CSV file 237" in page


def warn(person: Person, percent: int, used: int) -> None:
    """Create the row that the maintenance worker writes when a level is reached."""
    today = datetime.now(UTC).date()
    QuotaWarning.objects.create(team=person.team, period=today.replace(day=1), percent=percent)
    record_usage(person, today, used)


def test_a_warning_is_shown_on_every_page_of_this_team_only(
    alice: Person, bob: Person, charlie: Person, django_assert_num_queries: Any
) -> None:
    warn(alice, 80, 9000)  # of 10,000: 1,000 are left
    for person in (alice, bob):
        for path in ("/", "/history", "/usage", "/api-keys"):
            assert "has used 90% of its credits" in text_of(person.get(path)), path
    assert "of its credits" not in text_of(charlie.get("/history"))
    with django_assert_num_queries(5):  # as many as without a warning: balance and warnings are one query
        alice.get("/history")


def test_a_warning_disappears_after_a_grant(alice: Person) -> None:
    warn(alice, 80, 9000)
    grant(team=alice.team, credits=50_000, reason="more")
    assert "of its credits" not in text_of(alice.get("/history"))


def test_a_dismissed_warning_returns_at_the_next_level(alice: Person, bob: Person) -> None:
    warn(alice, 80, 9000)
    action = re.search(r'action="(/usage/notices/[^"]+)"', alice.get("/history").content.decode())
    assert action
    assert alice.post(action[1], {"next": "/history"})["Location"] == "/history"
    assert "of its credits" not in text_of(alice.get("/history"))
    assert "of its credits" in text_of(bob.get("/history"))
    Wallet.objects.filter(team=alice.team).update(balance=0)
    assert "has used 100% of its credits" in text_of(alice.get("/history"))
    response = bob.htmx(action[1], {"next": "/history"})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "javascript:alert(1)", ""])
def test_dismissing_redirects_only_within_the_site(target: str, alice: Person, anonymous: Client) -> None:
    path = f"/usage/notices/{alice.team.pk}-2031-03-team-80/dismiss"
    assert alice.post(path, {"next": target})["Location"] == "/usage"
    assert alice.get(path).status_code == 405
    assert alice.post("/usage/notices/nonsense/dismiss").status_code == 404
    assert anonymous.post(path).status_code == 302


def test_a_warning_about_a_cap_is_shown_only_to_the_member(alice: Person, mia: Person) -> None:
    Membership.objects.filter(user=mia.user).update(credits_per_month=100)
    record_usage(mia, datetime.now(UTC).date(), 79)
    assert "of your" not in text_of(mia.get("/history"))
    record_usage(mia, datetime.now(UTC).date(), 4, model="other")
    assert "You have used 83 of your 100 credits for this month (83%)" in text_of(mia.get("/history"))
    assert "of your" not in text_of(alice.get("/history"))
