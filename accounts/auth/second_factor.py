"""The second factor of a person: whether there is one, and how its secrets are kept."""

import base64
import hashlib

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from accounts.models import User

# Recovery codes stand in for a lost factor; alone they are none.
_FACTOR_TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(user: User) -> bool:
    """Whether signing in asks this person for an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_FACTOR_TYPES).exists())


def encrypt(text: str) -> str:
    """What the database keeps of a secret: a copy of the database alone makes no codes."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    return _fernet().decrypt(encrypted.encode()).decode()


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive_key(key))) for key in keys])


def _derive_key(key: str) -> bytes:
    return hashlib.sha256(b"accounts.second_factor:" + key.encode()).digest()
