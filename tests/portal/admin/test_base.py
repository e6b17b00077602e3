"""An add form of the administration creates one row, however often it is submitted."""

import re

import pytest
from django.apps import apps
from django.urls import reverse

from tests.support.people import Person

_NONCE = re.compile(r'name="form_nonce" value="([0-9a-f]{32})"')
_ALLOWED = {"weight": "3", "max_running": "8", "max_queued": "50", "allowed_formats": ["mp4"]}
_ANNOUNCEMENT = {"text_en": "Back at noon", "text_zh": "中午恢复", "level": "warning", "starts_at_0": "2026-01-01"}


def _nonce(adele: Person, path: str) -> str:
    found = _NONCE.search(adele.get(path).content.decode())
    assert found, path
    return found[1]


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("accounts.team", {"name": "Night shift", "owner": "1"}),
        ("quota.plan", {"name": "studio", **_ALLOWED}),
        ("quota.planoverride", {"team": "1", "reason": "a launch", "max_running": "9"}),
        ("desk.announcement", _ANNOUNCEMENT | {"starts_at_1": "00:00:00"}),
        ("auth.group", {"name": "support"}),
    ],
)
def test_a_form_that_is_submitted_twice_adds_one_row(
    model: str, data: dict[str, str], adele: Person, alice: Person
) -> None:
    path = reverse(f"admin:{model.replace('.', '_')}_add")
    rows = apps.get_model(model)._default_manager
    ids = {"owner": str(alice.user.pk), "team": str(alice.team.pk)}
    sent = {name: ids.get(name, value) for name, value in data.items()} | {"form_nonce": _nonce(adele, path)}
    before = rows.count()
    first, second = adele.post(path, sent), adele.post(path, sent)
    assert (first.status_code, rows.count()) == (302, before + 1)
    assert second.headers["Location"] == first.headers["Location"]


def test_a_form_with_errors_may_be_submitted_again(adele: Person) -> None:
    path = reverse("admin:auth_group_add")
    nonce = _nonce(adele, path)
    refused = adele.post(path, {"name": "", "form_nonce": nonce})
    assert refused.status_code == 422
    assert _NONCE.search(refused.content.decode())
    assert adele.post(path, {"name": "support", "form_nonce": nonce}).status_code == 302
