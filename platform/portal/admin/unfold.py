"""Settings of Unfold: menu and colors of the administration site."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _menu_item(title: Any, icon: str, url_name: str, permission: str = "") -> dict[str, Any]:
    def has_permission(request: HttpRequest) -> bool:
        return not permission or request.user.has_perm(permission)

    return {"title": title, "icon": icon, "link": reverse_lazy(url_name), "permission": has_permission}


_NAVIGATION = [
    {
        "items": [
            _menu_item(_("Dashboard"), "monitoring", "admin:index"),
            _menu_item(_("Videos"), "movie", "admin:jobs_job_changelist", "jobs.view_job"),
            _menu_item(_("Batches"), "stacks", "admin:batches_batch_changelist", "batches.view_batch"),
            _menu_item(_("Workers"), "memory", "admin:jobs_worker_changelist", "jobs.view_worker"),
            _menu_item(
                _("Model licences"),
                "license",
                "admin:licenses_licenseacceptance_changelist",
                "licenses.view_licenseacceptance",
            ),
        ],
    },
    {
        "title": _("Teams and credits"),
        "items": [
            _menu_item(_("Teams"), "groups", "admin:accounts_team_changelist", "accounts.view_team"),
            _menu_item(_("People"), "person", "admin:accounts_user_changelist", "accounts.view_user"),
            _menu_item(_("Memberships"), "badge", "admin:accounts_membership_changelist", "accounts.view_membership"),
            _menu_item(_("API keys"), "key", "admin:accounts_apikey_changelist", "accounts.view_apikey"),
            _menu_item(_("Plans"), "sell", "admin:quota_plan_changelist", "quota.view_plan"),
            _menu_item(_("Overrides"), "tune", "admin:quota_planoverride_changelist", "quota.view_planoverride"),
            _menu_item(_("Ledger"), "receipt_long", "admin:quota_ledgerentry_changelist", "quota.view_ledgerentry"),
        ],
    },
    {
        "title": _("System"),
        "items": [
            _menu_item(_("Audit log"), "history", "admin:audit_auditentry_changelist", "audit.view_auditentry"),
            _menu_item(_("Announcements"), "campaign", "admin:desk_announcement_changelist", "desk.view_announcement"),
            _menu_item(
                _("Impersonation log"), "visibility", "admin:desk_impersonation_changelist", "desk.view_impersonation"
            ),
            {
                **_menu_item(_("Queues"), "reorder", "admin:django_rq_dashboard_changelist"),
                "permission": lambda request: request.user.is_superuser,
            },
            _menu_item(_("Staff groups"), "shield_person", "admin:auth_group_changelist", "auth.view_group"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": "Mutoscope",
    "SITE_HEADER": "Mutoscope",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/",
    "SITE_ICON": lambda _request: static("brand/mark.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("brand/favicon.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda _request: static("css/admin.css")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("account_change_password")},
            {"title": _("Second factor"), "link": reverse_lazy("mfa_index")},
        ],
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": _NAVIGATION},
    # The brand's paper, line, muted and ink colors as a scale, with brass as the accent.
    "COLORS": {
        "base": {
            "50": "#FBF9F5",
            "100": "#F4F0E8",
            "200": "#E6E0D6",
            "300": "#CFC7BA",
            "400": "#A79F93",
            "500": "#6F685E",
            "600": "#4F4A43",
            "700": "#332E27",
            "800": "#26221D",
            "900": "#14120F",
            "950": "#0D0B09",
        },
        "primary": {
            "50": "#FDF8F0",
            "100": "#FAF1E3",
            "200": "#F5DFBD",
            "300": "#F7C98A",
            "400": "#F2A93B",
            "500": "#F2A93B",
            "600": "#9A5B0B",
            "700": "#7D4908",
            "800": "#623A08",
            "900": "#2B2216",
            "950": "#1C1206",
        },
    },
}
