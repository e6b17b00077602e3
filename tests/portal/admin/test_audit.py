"""The audit log of the administration: its search and its changes, without secrets."""

from collections.abc import Callable

import pytest

from accounts.audit.models import AuditEntry, Verb
from accounts.audit.services import record
from accounts.keys.services import create_api_key
from tests.support.people import Person

URL = "/admin/audit/auditentry/"


@pytest.fixture
def entries(alice: Person, charlie: Person) -> dict[str, AuditEntry]:
    record(Verb.SIGN_IN, actor=alice.user)
    record(Verb.ADMIN_ACTION, team=charlie.team, reason="<b>a launch</b>", count=3)
    found = AuditEntry.objects.order_by("-id")
    return {"of alice": found[1], "of charlie's team": found[0]}


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("alice@example.com", ["of alice"]),
        ("ALICE@example.com", ["of alice"]),
        ("charlie", ["of charlie's team"]),
        ("", ["of charlie's team", "of alice"]),
        ("nobody@example.com", []),
        ("\0", ["of charlie's team", "of alice"]),
    ],
)
def test_a_search_finds_people_and_teams(
    term: str, expected: list[str], entries: dict[str, AuditEntry], adele: Person
) -> None:
    page = adele.client.get(URL, {"q": term}).content.decode()
    shown = [name for name, entry in entries.items() if f"{URL}{entry.pk}/change/" in page]
    assert sorted(shown) == sorted(expected)


def test_a_search_finds_a_row(alice: Person, adele: Person) -> None:
    key, _ = create_api_key(team=alice.team, creator=alice.user, name="a key")
    entry = AuditEntry.objects.get(model="accounts.ApiKey", row_id=str(key.pk))
    assert f"{URL}{entry.pk}/change/" in adele.client.get(URL, {"q": str(key.pk)}).content.decode()


def test_changes_are_shown_escaped(entries: dict[str, AuditEntry], adele: Person) -> None:
    entry = entries["of charlie's team"]
    page = adele.get(f"{URL}{entry.pk}/change/").content.decode()
    assert "&lt;b&gt;a launch&lt;/b&gt;" in page
    assert "<b>a launch</b>" not in page


def test_of_a_secret_only_the_fact_is_shown(alice: Person, adele: Person) -> None:
    alice.user.set_password("another-reel-of-cards")
    alice.user.save()
    entry = AuditEntry.objects.filter(model="accounts.User", verb=Verb.UPDATE).latest("id")
    page = adele.get(f"{URL}{entry.pk}/change/").content.decode()
    assert "••••" in page
    assert alice.user.password not in page


def test_it_is_read_only(entries: dict[str, AuditEntry], make_staff: Callable[..., Person], adele: Person) -> None:
    assert adele.get(f"{URL}add/").status_code == 403
    assert adele.post(f"{URL}{entries['of alice'].pk}/delete/", {"post": "yes"}).status_code == 403
    assert make_staff("stan@example.com", "accounts.view_user").get(URL).status_code == 403
    assert make_staff("sara@example.com", "audit.view_auditentry").get(URL).status_code == 200
