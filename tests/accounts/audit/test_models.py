"""What the audit log shows of an entry."""

import pytest

from accounts.audit.models import AuditEntry, Difference, Verb


@pytest.mark.parametrize("name", ["action", "deed"], ids=["current", "former"])
def test_the_action_of_an_administrator_is_shown_under_its_current_name(name: str) -> None:
    entry = AuditEntry(verb=Verb.ADMIN_ACTION, changes={"reason": [None, "a gift"], name: [None, "grant_credits"]})
    assert entry.differences == [Difference("action", None, "grant_credits"), Difference("reason", None, "a gift")]
