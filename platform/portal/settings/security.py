"""Security headers, cookies and the content security policy."""

from csp.constants import NONCE, NONE, SELF

from portal.settings.accounts import OIDC_ISSUER
from portal.settings.base import SITE_URL, TRUSTED_PROXIES, env
from portal.settings.oidc import oidc_origins

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "portal.web.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        # The sign-in button of the identity provider is a form, and browsers apply form-action to its redirect.
        "form-action": [SELF, *oidc_origins(OIDC_ISSUER)],
        "frame-ancestors": [NONE],
    }
}
LANGUAGE_COOKIE_SAMESITE = "Lax"
if SITE_URL.startswith("https"):
    # Whether plain HTTP is redirected to HTTPS, except for the health checks below.
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^health$", r"^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
    # Time for which browsers use only HTTPS after a visit (HSTS).
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
