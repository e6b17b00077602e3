"""Public documentation pages. They contain no data of any team."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as render_page
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.auth.impersonation import Access, impersonation
from portal.docs.catalogue import entries
from portal.docs.guides import GUIDES, guide_source
from portal.docs.rendering import render


@impersonation(Access.READ)
@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a guide in the reader's language."""
    if slug not in GUIDES:
        raise Http404
    body, headings = render(guide_source(slug, _language()))
    context = {"body": body, "headings": headings if len(headings) > 1 else [], "title": GUIDES[slug]}
    return render_page(request, "docs/guide.html", _with_menu(slug, context))


@impersonation(Access.READ)
@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """List every error code with cause and remedy, each under its anchor."""
    language = _language()
    by_status = sorted(entries("errors").values(), key=lambda entry: entry.status or 0)
    api_errors = [entry.as_context(language) for entry in by_status if not entry.is_page_error]
    failures = [entry.as_context(language) for entry in entries("failure_codes").values()]
    page_errors = [entry.as_context(language) for entry in by_status if entry.is_page_error]
    groups = [
        ("api", _("API errors"), api_errors),
        ("videos", _("Failure codes of videos"), failures),
        ("pages", _("Errors on the site's pages"), page_errors),
    ]
    headings = [(anchor, title) for anchor, title, _rows in groups]
    return render_page(request, "docs/errors.html", _with_menu("errors", {"groups": groups, "headings": headings}))


@impersonation(Access.READ)
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Show the API reference: Swagger UI with the OpenAPI description of this site."""
    return render_page(request, "docs/reference.html", _with_menu("reference", {}))


def _with_menu(slug: str, context: dict[str, Any]) -> dict[str, Any]:
    menu: list[tuple[str, str, object]] = [
        (name, reverse("guide", args=[name]), title) for name, title in GUIDES.items()
    ]
    menu.insert(2, ("reference", reverse("reference"), _("API reference")))
    menu.append(("errors", reverse("errors"), _("Errors")))
    return {**context, "slug": slug, "menu": menu}


def _language() -> str:
    """Return `en` or `zh-hans`. Without an active language, return `en`."""
    return "zh-hans" if (get_language() or "").startswith("zh") else "en"
