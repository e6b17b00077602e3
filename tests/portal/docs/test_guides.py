"""The guides in both languages: the same anchors, the same programs, links that lead somewhere, and no foreign code."""

import re

import pytest
from django.test import Client

from portal.docs.guides import GUIDES, SNIPPETS, guide_source

LANGUAGES = ("en", "zh-hans")
FENCE = re.compile(r"^```(.*)\n(.*)\n```$", re.MULTILINE)
LINK = re.compile(r"\]\((/[^)#]*)")


@pytest.mark.parametrize("slug", GUIDES)
def test_both_languages_have_the_same_anchors_and_programs(slug: str) -> None:
    english, chinese = (guide_source(slug, language) for language in LANGUAGES)
    for pattern in (re.compile(r"^(#+) .*?(\{#.+\})?$", re.MULTILINE), FENCE, re.compile(r"^\| ?-", re.MULTILINE)):
        shape = [
            [found.groups()[-1] for found in pattern.finditer(text)] if pattern.groups else pattern.findall(text)
            for text in (english, chinese)
        ]
        assert shape[0] == shape[1]


@pytest.mark.parametrize("slug", GUIDES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_is_for_everybody(slug: str, language: str, client: Client, db: None) -> None:
    answer = client.get(f"/docs/{slug}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    page = answer.content.decode()
    for _kind, name in FENCE.findall(guide_source(slug, language)):
        assert f'data-snippet="{name}"' in page
    assert "{#" not in page
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert " style=" not in page


@pytest.mark.parametrize("slug", GUIDES)
def test_links_lead_somewhere(slug: str, client: Client, db: None) -> None:
    for language in LANGUAGES:
        for address in LINK.findall(guide_source(slug, language)):
            assert client.get(address).status_code in {200, 302}, address


def test_every_code_block_is_a_program_that_is_run_and_every_program_is_shown() -> None:
    """See test_programs.py for the runs."""
    blocks = [block for slug in GUIDES for block in FENCE.findall(guide_source(slug, "en"))]
    assert {kind for kind, _name in blocks} == {"snippet"}
    assert {name for _kind, name in blocks} == {path.name for path in SNIPPETS.iterdir()}


def test_making_stands_before_listing_and_words_before_ids(client: Client, db: None) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert list(paths["/v1/videos"])[:2] == ["post", "get"]
    order = list(paths)
    assert order.index("/v1/videos/quote") < order.index("/v1/videos/{video_id}")


def test_a_guide_that_there_is_not(client: Client, db: None) -> None:
    assert client.get("/docs/nothing").status_code == 404
    assert client.post("/docs/quickstart").status_code == 405
