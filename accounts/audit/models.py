"""The audit log: one row for each change of a security-relevant table, and for other security-relevant events.

Triggers (`accounts.audit.triggers`) write the changes, so that `.update()`, bulk writes and plain SQL are included.
Each audited model declares its own; the proxies at the end declare those of models of other packages.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pgtrigger
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import ApiKey, Team, User

# Stored instead of the content of a secret column.
CHANGED = "changed"
# Stored entries keep the names of details that were in use when they were written.
_FORMER_NAMES = {"deed": "action"}


class Verb(models.TextChoices):
    """The kind of event. The first three are written by the triggers."""

    INSERT = "insert", _("Added")
    UPDATE = "update", _("Changed")
    DELETE = "delete", _("Removed")
    SIGN_IN = "sign_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    SECOND_FACTOR = "second_factor", _("Second factor used")
    SECOND_FACTOR_FAILED = "second_factor_failed", _("Second factor rejected")
    SIGN_OUT = "sign_out", _("Signed out")
    KEY_REFUSED = "key_refused", _("API key rejected: IP address not allowed")
    IMPERSONATION_BEGAN = "impersonation_began", _("Impersonation started")
    IMPERSONATION_ENDED = "impersonation_ended", _("Impersonation ended")
    IMPERSONATION_ACT = "impersonation_act", _("Request while impersonating")
    IMPERSONATION_DENIED = "impersonation_denied", _("Request denied while impersonating")
    ADMIN_ACTION = "deed", _("Administrator action")


@dataclass(frozen=True)
class Difference:
    """A column's content before and after a change. For a secret column only the fact that it changed."""

    column: str
    old: Any
    new: Any
    secret: bool = False


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def for_team(self, team: Team) -> Self:
        """Return the entries of a team. Changes of users to their own accounts belong to no team."""
        return self.filter(team=team)


def _reference(to: type[models.Model], verbose_name: Any) -> Any:
    """Return a foreign key without a database constraint: entries stay when the row is deleted."""
    return models.ForeignKey(
        to,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=verbose_name,
    )


class AuditEntry(models.Model):
    """Who did what, from where. Rows are never changed, and only deleted by `purge`."""

    id = models.BigAutoField(_("ID"), primary_key=True)
    at = models.DateTimeField(_("time"), auto_now_add=True)
    team = _reference(Team, _("team"))
    actor = _reference(User, _("actor"))
    api_key = _reference(ApiKey, _("API key"))
    # The administrator who acted as `actor`.
    impersonator = _reference(User, _("impersonated by"))
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    request_id = models.CharField(_("request ID"), max_length=64, blank=True)
    # The process, if the change was not made by a request: `mutoscope create_key`.
    system = models.CharField(_("process"), max_length=64, blank=True)
    verb = models.CharField(_("event"), max_length=24, choices=Verb.choices)
    # The model's label, such as `accounts.ApiKey`, and the row's primary key. Empty if the event is about no row.
    model = models.CharField(_("table"), max_length=80, blank=True)
    row_id = models.CharField(_("row ID"), max_length=64, blank=True)
    # {column: [old, new]}; for a secret column {column: "changed"}.
    changes = models.JSONField(_("changes"), default=dict)

    objects: ClassVar[AuditQuerySet] = AuditQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["team", "-id"], name="audit_of_team"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.verb} {self.model} {self.row_id}".rstrip()

    @property
    def differences(self) -> list[Difference]:
        """The changes by column, for display."""
        changes = {_FORMER_NAMES.get(column, column): pair for column, pair in self.changes.items()}
        return [
            Difference(column, None, None, secret=True) if pair == CHANGED else Difference(column, *pair)
            for column, pair in sorted(changes.items())
        ]


class _ProxyMeta:
    proxy = True
    default_permissions = ()


class AuditedEmailAddress(EmailAddress):  # type: ignore[misc]
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger()]


class AuditedAuthenticator(Authenticator):  # type: ignore[misc]
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger(ignored="last_used_at", hidden="data")]


class AuditedSocialAccount(SocialAccount):  # type: ignore[misc]
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger(ignored="last_login", hidden="extra_data")]


class AuditedGroup(Group):
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger()]


class AuditedGroupPermission(Group.permissions.through):  # type: ignore[name-defined,misc]
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger()]


class AuditedUserGroup(User.groups.through):  # type: ignore[name-defined,misc]
    class Meta(_ProxyMeta):
        triggers = [AuditTrigger()]
