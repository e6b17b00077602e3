"""Public pages: for everybody, and with nothing of any team's in them."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as render_page
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.docs.catalogue import entries
from portal.docs.guides import GUIDES, source_of
from portal.docs.rendering import render


@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    """One of the guides in the reader's language."""
    if slug not in GUIDES:
        raise Http404
    body, headings = render(source_of(slug, _language()))
    context = {"body": body, "headings": headings if len(headings) > 1 else [], "title": GUIDES[slug]}
    return render_page(request, "docs/guide.html", _framed(slug, context))


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Every code with cause and remedy, each under its anchor."""
    language = _language()
    found = sorted(entries("errors").values(), key=lambda entry: entry.status or 0)
    groups = [
        ("api", _("Answers of the API"), [entry.shown_in(language) for entry in found if not entry.pages]),
        ("videos", _("Videos that ended without a film"), [e.shown_in(language) for e in entries("endings").values()]),
        ("pages", _("The site's own pages"), [entry.shown_in(language) for entry in found if entry.pages]),
    ]
    headings = [(anchor, title) for anchor, title, _rows in groups]
    return render_page(request, "docs/errors.html", _framed("errors", {"groups": groups, "headings": headings}))


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Every call, to read and to try, drawn by Swagger UI from the portal's own description."""
    return render_page(request, "docs/reference.html", _framed("reference", {}))


def _framed(slug: str, context: dict[str, Any]) -> dict[str, Any]:
    menu: list[tuple[str, str, object]] = [
        (name, reverse("guide", args=[name]), title) for name, title in GUIDES.items()
    ]
    menu.insert(2, ("reference", reverse("reference"), _("API reference")))
    menu.append(("errors", reverse("errors"), _("Errors")))
    return {**context, "slug": slug, "menu": menu}


def _language() -> str:
    """`en` or `zh-hans`; without an active language, English."""
    return "zh-hans" if (get_language() or "").startswith("zh") else "en"
