"""Announcements: those that are shown now, and the admin pages to write them."""

import time
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from portal.admin.base import BaseAdmin
from portal.admin.models import Announcement

_DISMISSED_SESSION_KEY = "dismissed_announcements"
_CACHE_MAX_AGE_SECONDS = 10.0
_LEVEL_COLORS = {"note": "info", "warning": "warning", "outage": "danger"}


class AnnouncementCache:
    """Keeps the announcements for a few seconds, because every page of every process needs them."""

    def __init__(self) -> None:
        self.rows: tuple[Announcement, ...] = ()
        self.expires_at = 0.0

    def active(self) -> list[Announcement]:
        if time.monotonic() >= self.expires_at:
            self.rows = tuple(Announcement.objects.all()[:20])
            self.expires_at = time.monotonic() + _CACHE_MAX_AGE_SECONDS
        return [row for row in self.rows if row.is_active]

    def clear(self) -> None:
        """Make this process read them again for its next page. Other processes do so within ten seconds."""
        self.expires_at = 0.0


announcement_cache = AnnouncementCache()


def announcements_for(request: HttpRequest) -> list[Announcement]:
    """Return the active announcements that this reader has not dismissed."""
    rows = announcement_cache.active()
    dismissed = request.session.get(_DISMISSED_SESSION_KEY, []) if rows else []
    return [row for row in rows if not (row.dismissible and row.pk in dismissed)]


def dismiss(request: HttpRequest, key: int) -> None:
    """Hide an announcement from this reader for the rest of the session."""
    if any(row.pk == key and row.dismissible for row in announcement_cache.active()):
        known = request.session.get(_DISMISSED_SESSION_KEY, [])
        request.session[_DISMISSED_SESSION_KEY] = [*known[-20:], key]


@admin.register(Announcement)
class AnnouncementAdmin(BaseAdmin):
    may_add = may_change = may_delete = True
    badge_fields = {"level": _LEVEL_COLORS}
    list_display = ["text", "level_badge", "starts_at", "ends_at", "is_active", "dismissible"]
    list_filter = ["level"]
    search_fields = ["text_en", "text_zh"]
    fields = ["text_en", "text_zh", ("level", "dismissible"), ("starts_at", "ends_at")]

    @display(description=_("Announcement"), ordering="text_en")
    def text(self, row: Announcement) -> str:
        return row.text

    @display(description=_("Shown now"), boolean=True)
    def is_active(self, row: Announcement) -> bool:
        return row.is_active

    def save_model(self, request: HttpRequest, obj: Announcement, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        announcement_cache.clear()

    def delete_model(self, request: HttpRequest, obj: Announcement) -> None:
        super().delete_model(request, obj)
        announcement_cache.clear()
