"""Guides in both languages: the same anchors and programs, working links, no inline code."""

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
def test_a_guide_is_public(slug: str, language: str, client: Client, db: None) -> None:
    response = client.get(f"/docs/{slug}", headers={"Accept-Language": language})
    assert response.status_code == 200
    page = response.content.decode()
    for _kind, name in FENCE.findall(guide_source(slug, language)):
        assert f'data-snippet="{name}"' in page
    assert "{#" not in page
    assert "unsafe" not in response["Content-Security-Policy"]
    assert " style=" not in page


@pytest.mark.parametrize("slug", GUIDES)
def test_links_work(slug: str, client: Client, db: None) -> None:
    for language in LANGUAGES:
        for url in LINK.findall(guide_source(slug, language)):
            assert client.get(url).status_code in {200, 302}, url


def test_every_code_block_is_a_tested_program_and_every_program_is_shown() -> None:
    """test_programs.py runs the programs."""
    blocks = [block for slug in GUIDES for block in FENCE.findall(guide_source(slug, "en"))]
    assert {kind for kind, _name in blocks} == {"snippet"}
    assert {name for _kind, name in blocks} == {path.name for path in SNIPPETS.iterdir()}


def test_create_precedes_list_and_fixed_paths_precede_ids(client: Client, db: None) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert list(paths["/v1/videos"])[:2] == ["post", "get"]
    order = list(paths)
    assert order.index("/v1/videos/quote") < order.index("/v1/videos/{video_id}")


def test_an_unknown_guide_is_not_found(client: Client, db: None) -> None:
    assert client.get("/docs/nothing").status_code == 404
    assert client.post("/docs/quickstart").status_code == 405
