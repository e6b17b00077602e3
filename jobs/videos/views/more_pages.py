"""Lists with "Load more": the URL says how many pages are shown, so that a reload and Back show them again."""

from django.http import HttpRequest, HttpResponse

_MAX_PAGES = 20


def shown_pages(request: HttpRequest) -> int:
    """Return the number of pages of the query string, from 1 to the most that are shown at once."""
    text = request.GET.get("pages", "")
    return min(max(int(text), 1), _MAX_PAGES) if text.isascii() and text.isdecimal() and len(text) < 4 else 1


def show_pages_in_url(request: HttpRequest, response: HttpResponse, query_string: str) -> HttpResponse:
    """Let htmx replace the browser's URL by that of the list with the pages that are shown now."""
    prefix = f"{query_string}&" if query_string else ""
    response["HX-Replace-Url"] = f"{request.path}?{prefix}pages={shown_pages(request)}"
    return response
