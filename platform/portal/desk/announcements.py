"""Announcements: what is on the board now, and the desk's page to write them."""

import time
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from portal.desk.base import DeskAdmin
from portal.desk.columns import fact, label, whether
from portal.desk.models import Announcement

_SESSION_KEY = "dismissed_announcements"
_FRESH_SECONDS = 10.0
_COLOURS = {"note": "info", "warning": "warning", "outage": "danger"}


class Board:
    """The announcements that are not over, read once in a while: every page of every process asks for them."""

    def __init__(self) -> None:
        self.rows: tuple[Announcement, ...] = ()
        self.fresh_until = 0.0

    def present(self) -> list[Announcement]:
        if time.monotonic() >= self.fresh_until:
            self.rows = tuple(Announcement.objects.all()[:20])
            self.fresh_until = time.monotonic() + _FRESH_SECONDS
        return [row for row in self.rows if row.is_present]

    def forget(self) -> None:
        """This process reads them anew with its next page, the others within ten seconds."""
        self.fresh_until = 0.0


board = Board()


def present_for(request: HttpRequest) -> list[Announcement]:
    """Those that this reader has not dismissed."""
    rows = board.present()
    dismissed = request.session.get(_SESSION_KEY, []) if rows else []
    return [row for row in rows if not (row.dismissible and row.pk in dismissed)]


def dismiss(request: HttpRequest, key: int) -> None:
    """Not shown to this reader again, in this session."""
    if any(row.pk == key and row.dismissible for row in board.present()):
        known = request.session.get(_SESSION_KEY, [])
        request.session[_SESSION_KEY] = [*known[-20:], key]


@admin.register(Announcement)
class AnnouncementAdmin(DeskAdmin):
    may_add = may_change = may_delete = True
    list_display = ["words", "kind", "begins", "ends", "now", "closable"]
    list_filter = ["level"]
    search_fields = ["text_en", "text_zh"]
    fields = ["text_en", "text_zh", ("level", "dismissible"), ("starts_at", "ends_at")]

    words = fact("text", _("Announcement"), ordering="text_en")
    kind = label("level", _("Level"), _COLOURS)
    begins = fact("starts_at", _("From"))
    ends = fact("ends_at", _("Until"))
    closable = whether("dismissible", _("Can be dismissed"))

    @display(description=_("On the pages"), boolean=True)
    def now(self, row: Announcement) -> bool:
        return row.is_present

    def save_model(self, request: HttpRequest, obj: Announcement, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        board.forget()

    def delete_model(self, request: HttpRequest, obj: Announcement) -> None:
        super().delete_model(request, obj)
        board.forget()
