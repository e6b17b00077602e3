"""The desk's pages, one module a subject; importing them puts them on the site."""

from portal.desk import (  # noqa: F401
    announcements,
    audit,
    batches,
    keys,
    ledger,
    memberships,
    people,
    plans,
    teams,
    videos,
    views_log,
    workers,
)
