import re

from tests.support.people import Person


def current_links(page: str) -> set[str]:
    return set(re.findall(r'href="([^"]*)"\s+aria-current="page"', page.split("<main", maxsplit=1)[0]))


def test_one_link_of_the_navigation_is_marked(alice: Person) -> None:
    for path, link in {"/": "/", "/team": "/team", "/team/settings": "/team", "/api-keys/team": "/api-keys"}.items():
        assert current_links(alice.get(path).content.decode()) == {link}, path


def test_no_link_is_marked_on_an_unknown_page(alice: Person) -> None:
    response = alice.get("/no-such-page")
    assert response.status_code == 404
    assert not current_links(response.content.decode())
