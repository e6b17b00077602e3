"""Writes to the audit log that no trigger makes, and the one way in which rows leave it."""

from datetime import timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models

from accounts import tenancy
from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Team, User
from common.clock import DatabaseNow


@tenancy.outside()  # events of a person belong to no team
def record(
    verb: Verb,
    *,
    actor: User | None = None,
    team: Team | None = None,
    api_key: ApiKey | None = None,
    about: models.Model | None = None,
    **details: Any,
) -> None:
    """An event that changes no watched row. Where it came from is the present request's; who did it too, if not given.

    about: the row that is meant. details: JSON values, kept as the new content of columns of these names.
    """
    facts = tenancy.present().facts()
    AuditEntry.objects.create(
        verb=verb,
        team=team,
        actor_id=actor.pk if actor else facts.get("user"),
        api_key_id=api_key.pk if api_key else facts.get("api_key"),
        impersonator_id=facts.get("impersonator"),
        ip=facts.get("ip"),
        request_id=facts.get("request_id", ""),
        model=about._meta.label if about else "",
        row_id=str(about.pk) if about else "",
        changes={name: [None, value] for name, value in details.items()},
    )


def purge() -> int:
    """Deletes what is older than AUDIT_DAYS; returns how many. 0 keeps all for good."""
    if not settings.AUDIT_DAYS:
        return 0
    old = AuditEntry.objects.filter(at__lt=DatabaseNow() - timedelta(days=settings.AUDIT_DAYS))
    with pgtrigger.ignore("audit.AuditEntry:append_only"):
        return old.delete()[0]
