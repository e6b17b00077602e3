"""The URLs of this site, absolute also where there is no request, and the pattern of URLs that clients send."""

from django.http import HttpRequest
from rest_framework.request import Request

# The request, or the site's URL if there is no request.
Origin = Request | HttpRequest | str

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PORT = r"6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
# Complete, shortened at an end or in the middle, or an IPv4-mapped address.
_IPV6 = "|".join(
    [
        f"({_GROUP}:){{7}}{_GROUP}",
        f"({_GROUP}:){{1,7}}:",
        f":(:{_GROUP}){{1,7}}",
        *(f"({_GROUP}:){{1,{7 - count}}}(:{_GROUP}){{1,{count}}}" for count in range(1, 7)),
        "::",
        rf"::[fF]{{4}}:{_OCTET}(\.{_OCTET}){{3}}",
    ]
)
_HOST = rf"({_LABEL}(\.{_LABEL})*\.?|\[({_IPV6})\])"
# Used by Python here and as an ECMA-262 pattern in the OpenAPI description; both accept the same.
HTTP_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://{_HOST}(:({_PORT}))?([/?#][^\u0000-\u0020\u007f-\u00a0]*)?$"


def absolute_url(origin: Origin, path: str) -> str:
    """Return the absolute URL of a path of this site."""
    return f"{origin.rstrip('/')}{path}" if isinstance(origin, str) else origin.build_absolute_uri(path)
