"""Sign-up and sign-in, two-step verification, OpenID Connect, teams."""

from common.email_addresses import canonical_domain
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
ACCOUNT_FORMS = {
    "login": "accounts.auth.forms.SignInForm",
    "signup": "accounts.auth.forms.SignUpForm",
    "add_email": "accounts.auth.forms.NewEmailForm",
    "reset_password": "accounts.auth.forms.PasswordResetForm",
}
ACCOUNT_ADAPTER = "accounts.auth.adapter.AccountAdapter"
# The adapter's key is IP address and account: five wrong passwords lock out the IP address that sent them, and the
# owner can still sign in from another one. Guessing from many IP addresses is slowed only per IP address, so the
# password rules must withstand it. The limit per IP address alone is high enough for an office behind one IP address.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/5m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https") else "http"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Send an email to the user after a change of password, email address or second factor.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Who can sign up: `open` everyone, `invite` people with an invitation, `domains` email addresses of SIGNUP_DOMAINS,
# `closed` nobody.
SIGNUP_MODE = env.choice("SIGNUP_MODE", ("open", "invite", "domains", "closed"), default="open")
# Email domains that can sign up with SIGNUP_MODE=domains, separated by commas.
SIGNUP_DOMAINS = [canonical_domain(domain) for domain in env.list("SIGNUP_DOMAINS", default=[])]

# --- Two-step verification
MFA_ADAPTER = "accounts.auth.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.auth.passkey_forms.AddForm",
    "edit_webauthn": "accounts.auth.passkey_forms.EditForm",
    "login_webauthn": "accounts.auth.passkey_forms.PasskeySignInForm",
    "authenticate_webauthn": "accounts.auth.passkey_forms.AuthenticateForm",
    "reauthenticate_webauthn": "accounts.auth.passkey_forms.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "Mutoscope"
# Accept clocks that are off by up to 30 seconds.
MFA_TOTP_TOLERANCE = 1
# Browsers offer passkeys over HTTPS and on localhost; the library allows only HTTPS by default.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = EMBEDDED and not SITE_URL.startswith("https")

# --- OpenID Connect
# URL of the identity provider, below which /.well-known/openid-configuration is found. Empty disables OpenID Connect.
OIDC_ISSUER = env.http_url("OIDC_ISSUER", default="")
# Name of the provider on the button "Sign in with …".
OIDC_NAME = env.str("OIDC_NAME", default="OpenID Connect")
# Client id of this site at the provider. The redirect URL is SITE_URL/accounts/oidc/company/login/callback/.
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
# Client secret that belongs to the client id. Keep it secret.
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
# Whether an email address that the provider reports as verified signs in to an existing account with this address.
# Enable it only for a provider that verifies email addresses as reliably as this site.
OIDC_TRUST_EMAIL = env.bool("OIDC_TRUST_EMAIL", default=False)
SOCIALACCOUNT_FORMS = {"signup": "accounts.auth.forms.SocialSignUpForm"}
SOCIALACCOUNT_ADAPTER = "accounts.auth.adapter.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = oidc_providers(
    issuer=OIDC_ISSUER, name=OIDC_NAME, client_id=OIDC_CLIENT_ID, secret=OIDC_CLIENT_SECRET
)
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = OIDC_TRUST_EMAIL

# --- Teams
# Days until a team is deleted whose deletion an owner has scheduled. An owner can cancel the deletion until then; the
# team cannot create videos meanwhile.
TEAM_DELETION_GRACE_DAYS = env.int("TEAM_DELETION_GRACE_DAYS", default=14)
# Maximum number of teams that a person can own, including the personal team. Each starts with STARTING_CREDITS.
MAX_TEAMS_OWNED = env.int("MAX_TEAMS_OWNED", default=5)
# Days for which an invitation to a team is valid.
INVITATION_MAX_AGE_DAYS = env.int("INVITATION_MAX_AGE_DAYS", default=7)
# Maximum number of open invitations per team.
MAX_OPEN_INVITATIONS = env.int("MAX_OPEN_INVITATIONS", default=100)
# Maximum rate of invitation emails from one team.
INVITATION_RATE_LIMIT = env.rate("INVITATION_RATE_LIMIT", default="30/hour")
# Maximum rate of invitation emails to one email address, from all teams together.
INVITATION_RATE_LIMIT_PER_EMAIL = env.rate("INVITATION_RATE_LIMIT_PER_EMAIL", default="5/hour")
# Credits in the wallet of a new team.
STARTING_CREDITS = env.int("STARTING_CREDITS", default=1000)
