"""Signing up and in, second factors, the company's own accounts, teams."""

from portal.settings.base import EMBEDDED, SITE_URL, env
from portal.settings.oidc import oidc_providers

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "create"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_FORMS = {"login": "accounts.auth.forms.SignInForm", "signup": "accounts.auth.forms.SignUpForm"}
ACCOUNT_ADAPTER = "accounts.auth.adapter.AccountAdapter"
# The adapter's key is address and account: five wrong passwords lock out the address that sent them, and its owner can
# sign in from any other. Guessing from many addresses is thereby slowed only per address; the rules for passwords have
# to withstand it. The limit per address alone is wide enough for an office behind one.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/5m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https") else "http"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Whoever changes a password, an address or a second factor is told so by mail.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Who may make an account: `open` anybody, `invite` who was invited, `domains` addresses of SIGNUP_DOMAINS, `closed`
# nobody.
SIGNUP_MODE = env.str("SIGNUP_MODE", default="open")
# Domains of the addresses that may make an account with SIGNUP_MODE=domains, separated by commas.
SIGNUP_DOMAINS = [domain.lower() for domain in env.list("SIGNUP_DOMAINS", default=[])]

# --- Second factors
MFA_ADAPTER = "accounts.auth.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.auth.passkey_forms.AddForm",
    "edit_webauthn": "accounts.auth.passkey_forms.EditForm",
    "login_webauthn": "accounts.auth.passkey_forms.SignInForm",
    "authenticate_webauthn": "accounts.auth.passkey_forms.AuthenticateForm",
    "reauthenticate_webauthn": "accounts.auth.passkey_forms.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "Mutoscope"
# A clock may be wrong by half a minute.
MFA_TOTP_TOLERANCE = 1
# Browsers offer passkeys over HTTPS alone, and on localhost; the library knows only the first.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = EMBEDDED and not SITE_URL.startswith("https")

# --- Signing in with the company's accounts (OpenID Connect)
# Address of the identity provider, where /.well-known/openid-configuration is found. Empty: nothing is offered.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
# What the button calls it: "Sign in with …".
OIDC_NAME = env.str("OIDC_NAME", default="OpenID Connect")
# What the provider knows this site by; its redirect address is SITE_URL/accounts/oidc/company/login/callback/.
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
# The secret that belongs to it.
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
# Whether addresses that the provider calls verified open the account that has them already. Only for a provider whose
# word about addresses you trust as much as your own.
OIDC_TRUST_EMAIL = env.bool("OIDC_TRUST_EMAIL", default=False)
SOCIALACCOUNT_FORMS = {"signup": "accounts.auth.forms.SocialSignUpForm"}
SOCIALACCOUNT_ADAPTER = "accounts.auth.adapter.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = oidc_providers(
    issuer=OIDC_ISSUER, name=OIDC_NAME, client_id=OIDC_CLIENT_ID, secret=OIDC_CLIENT_SECRET
)
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = OIDC_TRUST_EMAIL
# --- Teams
# Days in which an owner may still keep a team that is to be closed; it makes no videos meanwhile.
TEAM_DELETION_GRACE_DAYS = env.int("TEAM_DELETION_GRACE_DAYS", default=14)
# Teams that one person may own, the personal one among them: each begins with the credits below.
MAX_TEAMS_OWNED = env.int("MAX_TEAMS_OWNED", default=5)
# Days that an invitation to a team can be accepted.
INVITATION_MAX_AGE_DAYS = env.int("INVITATION_MAX_AGE_DAYS", default=7)
# Invitations of a team that may be open at a time.
MAX_OPEN_INVITATIONS = env.int("MAX_OPEN_INVITATIONS", default=100)
# Mails with invitations that one team may send.
INVITATION_RATE_LIMIT = env.str("INVITATION_RATE_LIMIT", default="30/hour")
# Such mails that one address may get from all teams together.
INVITATION_RATE_LIMIT_PER_EMAIL = env.str("INVITATION_RATE_LIMIT_PER_EMAIL", default="5/hour")
# Credits that a new team finds in its wallet.
STARTING_CREDITS = env.int("STARTING_CREDITS", default=1000)
