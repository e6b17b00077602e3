"""The desk's pages, one module a subject; importing them puts them on the site."""

from portal.admin import (  # noqa: F401
    announcements,
    audit,
    batches,
    impersonation_log,
    keys,
    ledger,
    memberships,
    people,
    plans,
    teams,
    videos,
    workers,
)
