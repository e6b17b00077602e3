"""The list of guides, and where their texts and programs are stored."""

from pathlib import Path

from django.utils.translation import gettext_lazy as _

_HERE = Path(__file__).parent
PAGES, SNIPPETS = _HERE / "pages", _HERE / "snippets"
# Guides written in Markdown, in the order of the menu.
GUIDES = {
    "guides": _("Guides"),
    "quickstart": _("Quickstart"),
    "sdks": _("Use an existing SDK"),
    "webhooks": _("Webhooks"),
    "queues": _("Queues and batches"),
    "migrate": _("Migrate to /v1"),
    "administration": _("Administration"),
}
# The base URL in the programs of the guides. Pages show the URL of this site instead.
SNIPPET_SITE_URL = "http://localhost:8000"


def guide_source(slug: str, language: str) -> str:
    """Return the Markdown of a guide in a language of the site."""
    return (PAGES / language / f"{slug}.md").read_text()


def snippet(name: str, *, site_url: str) -> str:
    """Return a program of the guides with the URL of this site in it."""
    return (SNIPPETS / name).read_text().replace(SNIPPET_SITE_URL, site_url)
