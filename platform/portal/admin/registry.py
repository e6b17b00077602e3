"""Imports the admin classes, one module per subject, which registers them with the site."""

from portal.admin import (  # noqa: F401
    announcements,
    audit,
    batches,
    impersonation_log,
    keys,
    ledger,
    licenses,
    memberships,
    people,
    plans,
    queues,
    teams,
    videos,
    workers,
)
