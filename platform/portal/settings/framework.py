"""Django apps, middleware, templates and languages."""

from django.utils.translation import gettext_lazy as _

from portal.admin.unfold import UNFOLD  # noqa: F401 (Unfold reads it as a setting)
from portal.settings.base import ASSETS

INSTALLED_APPS = [
    # First, because the first app that translates a text wins.
    "portal",
    "accounts",
    "accounts.audit",
    "accounts.people",
    "accounts.quota",
    "accounts.quota.views",
    "accounts.teams",
    "accounts.keys",
    "jobs",
    "jobs.licenses",
    "jobs.webhooks",
    "jobs.galleries",
    "jobs.batches",
    "jobs.exports",
    "jobs.compat",
    "portal.docs.apps.DocsConfig",
    "portal.admin.apps.PortalAdminConfig",
    # Its templates override those of Django's admin.
    "unfold.apps.BasicAppConfig",
    "portal.admin.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "django_rq",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "pgtrigger",
    "rest_framework",
]

MIDDLEWARE = [
    # The first, since the others may query the database after the view.
    "common.streaming.ReleaseConnectionsMiddleware",
    "portal.web.middleware.RequestContextMiddleware",
    # Before all others that respond: browsers send a preflight request without credentials.
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "jobs.videos.api.status_fast_path.StatusFastPathMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.web.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Before the first that reads the form.
    "common.multipart.StrictFormMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.admin.impersonation.ImpersonationMiddleware",
    "portal.web.error_handlers.MethodNotAllowedPageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ASSETS / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "portal.templatetags.icons",
                "portal.templatetags.page_forms",
                "portal.templatetags.site_url",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "accounts.auth.context_processors.principal",
                "accounts.auth.context_processors.mail_folder",
                "accounts.auth.context_processors.signup",
                "accounts.quota.context_processors.wallet",
                "portal.admin.context_processors.announcements",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
USE_TZ = True
TIME_ZONE = "UTC"
# Times on pages say their zone.
FORMAT_MODULE_PATH = "portal.formats"
