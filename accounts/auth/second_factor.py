"""Second factors: whether a user has one, and the encryption of their secrets."""

import base64
import hashlib

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from accounts.models import User

# Recovery codes replace a lost factor; alone they do not count as one.
_FACTOR_TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(user: User) -> bool:
    """Return whether the user has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_FACTOR_TYPES).exists())


def encrypt(text: str) -> str:
    """Return the encrypted secret to store: a copy of the database alone is not enough to generate codes."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    return _fernet().decrypt(encrypted.encode()).decode()


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive_key(key))) for key in keys])


def _derive_key(key: str) -> bytes:
    return hashlib.sha256(b"accounts.second_factor:" + key.encode()).digest()
