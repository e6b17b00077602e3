"""Audit log messages about galleries, share links and webhooks.

They contain no names: a webhook's URL may contain a secret, and a caption may be long.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.audit.models import AuditEntry, Verb

SHARING_MODEL_LABELS = {
    "galleries.Publication": _("Gallery"),
    "galleries.Collection": _("Collections"),
    "galleries.ShareLink": _("Share links"),
    "galleries.PublicPage": _("Public page"),
    "webhooks.Endpoint": _("Webhooks"),
}
_MESSAGES: dict[str, dict[str, Any]] = {
    "galleries.Publication": {
        Verb.INSERT: _("%(who)s published a video in the gallery"),
        Verb.UPDATE: _("%(who)s changed a video in the gallery"),
        Verb.DELETE: _("%(who)s removed a video from the gallery"),
    },
    "galleries.Collection": {
        Verb.INSERT: _("%(who)s created a collection"),
        Verb.UPDATE: _("%(who)s changed a collection"),
        Verb.DELETE: _("%(who)s deleted a collection"),
    },
    "galleries.ShareLink": {
        Verb.INSERT: _("%(who)s created a share link"),
        Verb.UPDATE: _("%(who)s changed a share link"),
        Verb.DELETE: _("%(who)s deleted a share link"),
    },
    "webhooks.Endpoint": {
        Verb.INSERT: _("%(who)s created a webhook"),
        Verb.UPDATE: _("%(who)s changed a webhook"),
        Verb.DELETE: _("%(who)s deleted a webhook"),
    },
}
_PUBLIC_PAGE_MESSAGES: dict[bool, Any] = {
    True: _("%(who)s turned the public page on"),
    False: _("%(who)s turned the public page off"),
}


def sharing_message(entry: AuditEntry, who: str) -> str | None:
    """Return the message for an entry; None if it is about something else."""
    if entry.model == "galleries.PublicPage" and "is_on" in entry.changes:
        message = _PUBLIC_PAGE_MESSAGES[bool(entry.changes["is_on"][1])]
    elif entry.model == "galleries.ShareLink" and entry.verb == Verb.UPDATE and "revoked_at" in entry.changes:
        message = _("%(who)s revoked a share link")
    else:
        message = _MESSAGES.get(entry.model, {}).get(entry.verb)
    return str(message) % {"who": who} if message else None
