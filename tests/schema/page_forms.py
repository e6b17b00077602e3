"""The forms of the pages, as a browser finds them: where they are sent, and their fields with plausible values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.test import Client
from django.urls import resolve

from tests.support.people import PASSWORD

# What a person enters into an empty field, by the type of its control.
_ENTERED = {"email": "nora@example.com", "url": "https://example.com/hook", "number": "1", "password": PASSWORD}


@dataclass(frozen=True)
class PageForm:
    """A form that is submitted by POST. route: the pattern of its URL."""

    url: str
    is_multipart: bool
    values: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    @property
    def route(self) -> str:
        return resolve(self.url.partition("?")[0]).route


class _Parser(HTMLParser):
    """Collects the forms of a page. url: where a form without an action is sent."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._select: str | None = None
        self.forms: list[PageForm] = []
        self._form: PageForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = None
            if attributes.get("method", "").lower() == "post":
                is_multipart = attributes.get("enctype") == "multipart/form-data"
                self._form = PageForm(attributes.get("action") or self._url, is_multipart)
                self.forms.append(self._form)
        elif self._form is not None:
            self._add_field(self._form, tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _add_field(self, form: PageForm, tag: str, attributes: dict[str, str]) -> None:
        name, kind = attributes.get("name"), attributes.get("type", "text")
        if tag == "option" and self._select and ("selected" in attributes or not form.values[self._select]):
            form.values[self._select] = attributes.get("value", "")
        elif tag == "select":
            self._select = name
        if not name or tag not in {"input", "textarea", "select", "button"}:
            return
        if kind == "file":
            form.files.add(name)
        elif kind in {"radio", "checkbox"} and "checked" not in attributes:
            form.values.setdefault(name, attributes.get("value", "on"))
        else:
            form.values[name] = attributes.get("value") or ("" if tag == "select" else _ENTERED.get(kind, "x"))


def forms_of_pages(client: Client, urls: Iterable[str]) -> Iterator[PageForm]:
    """Yield the forms that this visitor finds on these pages."""
    for url in urls:
        response = client.get(url)
        if not response.streaming and response.headers.get("Content-Type", "").startswith("text/html"):
            parser = _Parser(url)
            parser.feed(response.content.decode())
            yield from parser.forms
