"""Writing entries that no trigger writes, and deleting old entries."""

from datetime import timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models

from accounts import tenancy
from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Team, User
from common.clock import DatabaseNow


@tenancy.unscoped()  # events of a user belong to no team
def record(
    verb: Verb,
    *,
    actor: User | None = None,
    team: Team | None = None,
    api_key: ApiKey | None = None,
    target: models.Model | None = None,
    **details: Any,
) -> None:
    """Record an event that changes no audited row. Origin, and the actor if not given, come from the current request.

    target: the row that the event is about. details: JSON values, stored like the new content of columns.
    """
    audit_facts = tenancy.current().audit_facts()
    AuditEntry.objects.create(
        verb=verb,
        team=team,
        actor_id=actor.pk if actor else audit_facts.get("user"),
        api_key_id=api_key.pk if api_key else audit_facts.get("api_key"),
        impersonator_id=audit_facts.get("impersonator"),
        ip=audit_facts.get("ip"),
        request_id=audit_facts.get("request_id", ""),
        model=target._meta.label if target else "",
        row_id=str(target.pk) if target else "",
        changes={name: [None, value] for name, value in details.items()},
    )


def purge() -> int:
    """Delete entries older than AUDIT_RETENTION_DAYS (0: keep all). Returns their number."""
    if not settings.AUDIT_RETENTION_DAYS:
        return 0
    old = AuditEntry.objects.filter(at__lt=DatabaseNow() - timedelta(days=settings.AUDIT_RETENTION_DAYS))
    with pgtrigger.ignore("audit.AuditEntry:append_only"):
        return old.delete()[0]
