"""Our versions of unfold's templates."""

from tests.support.people import Person


def test_the_name_of_a_row_keeps_its_case(adele: Person, alice: Person) -> None:
    page = adele.get(f"/admin/accounts/user/{alice.user.pk}/change/").content.decode()
    assert ">alice@example.com</a>" in page
    assert ">People</a>" in page


def test_an_empty_list_says_why_it_is_empty(adele: Person) -> None:
    page = adele.get("/admin/desk/impersonation/").content.decode()
    assert "There is nothing here yet." in page
    assert "Reset filters" not in page
    page = adele.get("/admin/desk/impersonation/?q=nobody").content.decode()
    assert "Nothing matches. Change the search or the filters." in page
    assert "Reset filters" in page
