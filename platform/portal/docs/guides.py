"""Which guides there are, and where their words and programs lie."""

from pathlib import Path

from django.utils.translation import gettext_lazy as _

_HERE = Path(__file__).parent
PAGES, SNIPPETS = _HERE / "pages", _HERE / "snippets"
# Guides that are written as Markdown, in the order of the menu.
GUIDES = {
    "guides": _("Guides"),
    "quickstart": _("Quickstart"),
    "sdks": _("Use the SDK you have"),
    "webhooks": _("Webhooks"),
    "queues": _("Queues and batches"),
    "migrate": _("Move to /v1"),
}
# The address that programs in the guides are written with; a reader is shown the portal's own.
SNIPPET_SITE_URL = "http://localhost:8000"


def guide_source(slug: str, language: str) -> str:
    """The Markdown of a guide in a language of the site."""
    return (PAGES / language / f"{slug}.md").read_text()


def snippet(name: str, *, site_url: str) -> str:
    """A program of the guides as this portal prints it: complete, with the portal's own address in it."""
    return (SNIPPETS / name).read_text().replace(SNIPPET_SITE_URL, site_url)
