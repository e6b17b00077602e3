import pytest
from django.core.exceptions import ValidationError

from common.email_addresses import canonical_email

DOTLESS_I, KELVIN, LONG_S = "\u0131", "\u212a", "\u017f"


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        (" Mia@Example.COM ", "mia@example.com"),
        ("mia@münchen.example", "mia@xn--mnchen-3ya.example"),
        ("mia@MÜNCHEN.example", "mia@xn--mnchen-3ya.example"),
        ("mia@mu\u0308nchen.example", "mia@xn--mnchen-3ya.example"),
        ("mia@xn--MNCHEN-3ya.example", "mia@xn--mnchen-3ya.example"),
        (f"mia@m{DOTLESS_I}ke.example", "mia@xn--mke-jua.example"),
        ("mia@日本\u3002example", "mia@xn--wgv71a.example"),
        ("closed-5@invalid", "closed-5@invalid"),
    ],
)
def test_one_form_of_each_address(typed: str, canonical: str) -> None:
    assert canonical_email(typed) == canonical
    assert canonical_email(canonical) == canonical


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "mia",
        f"m{DOTLESS_I}a@example.com",
        f"{KELVIN}ate@example.com",
        f"{LONG_S}am@example.com",
        "mia@\u2603.example",
        "mia@ü-.example",
        "ü@example.com",
        "mia@" + "ü" * 100_000 + ".example",
    ],
)
def test_an_address_without_a_canonical_form_is_rejected(typed: str) -> None:
    with pytest.raises(ValidationError):
        canonical_email(typed)
