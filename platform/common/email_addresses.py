"""The canonical form of email addresses: two spellings of one mailbox are one account."""

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

# A local part of 64 characters, and a domain of 253: longer text is rejected before it is converted.
_MAX_LENGTH = 320


def canonical_email(text: str) -> str:
    """Return the email address in lower case with its domain in ASCII, as mail servers see it.

    Raise ValidationError if there is no such form. Only ASCII letters are equal in both cases: in Unicode, upper case
    and normalization also turn a dotless i, a long s or the Kelvin sign into another letter, and so one address into
    that of another person.
    """
    local, at_sign, domain = text.strip().rpartition("@") if len(text) <= _MAX_LENGTH else ("", "", "")
    if not at_sign or not local.isascii():
        raise _invalid()
    return f"{local.lower()}@{canonical_domain(domain)}"


def canonical_domain(domain: str) -> str:
    """Return the domain in lower case and ASCII. Raise ValidationError if there is no such form."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        raise _invalid() from None


def _invalid() -> ValidationError:
    return ValidationError(EmailValidator.message, code="invalid")
