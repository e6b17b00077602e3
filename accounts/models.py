"""Users, teams, memberships, invitations and API keys."""

from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.fields import CanonicalEmailField
from accounts.roles import Role, Scope
from common.email_addresses import canonical_email

# Visible ASCII without upper case.
IS_CANONICAL_EMAIL = models.Q(email__regex=r"^[!-@\[-~]+$")

Owned_co = TypeVar("Owned_co", bound=models.Model, covariant=True)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=canonical_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, identified by email address."""

    email = CanonicalEmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    # Language of emails such as "your export is ready"; empty until the user chose one.
    language = models.CharField(_("language"), max_length=16, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff status"), default=False)
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        # With `unique`: one account for each canonical address, whatever wrote the row.
        constraints = [models.CheckConstraint(condition=IS_CANONICAL_EMAIL, name="user_email_canonical")]
        triggers = [AuditTrigger(ignored="last_login", hidden="password")]

    def __str__(self) -> str:
        return str(self.email)


class Team(models.Model):
    """The tenant: owns videos, API keys and credits. Teams share nothing."""

    name = models.CharField(_("name"), max_length=120)
    personal_of = models.OneToOneField(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="personal_team",
        verbose_name=_("personal team of"),
    )
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="teams", verbose_name=_("members")
    )
    # The model for requests that do not name one; empty: the site's.
    default_model = models.CharField(_("default model"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # An owner has scheduled the deletion of the team and can cancel it until then; afterwards a maintenance worker
    # deletes the team.
    deletion_due_at = models.DateTimeField(_("deletion due"), null=True, blank=True)
    # The row of a deleted team stays, since the ledger refers to it.
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return self.name


class TeamOwnedQuerySet(models.QuerySet[Owned_co]):
    """QuerySet of models that belong to a team. Every read on behalf of a client starts with `for_team`."""

    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)


class Membership(models.Model):
    """A user's role in a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("team"))
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Caps of this member; None: only the team's own limits apply.
    credits_per_month = models.PositiveIntegerField(_("credits per month"), null=True, blank=True)
    videos_per_day = models.PositiveIntegerField(_("videos per day"), null=True, blank=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}: {self.role}"


class InvitationQuerySet(TeamOwnedQuerySet["Invitation"]):
    pass


class Invitation(models.Model):
    """An invitation to join a team, sent by email. The link works once; only the hash of its secret is stored."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("team"))
    email = CanonicalEmailField(_("email address"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    secret_sha256 = models.BinaryField(_("secret SHA-256"), max_length=32, unique=True, editable=False)
    inviter = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("invited by"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects: ClassVar[models.Manager["Invitation"]] = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once_per_address",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(condition=IS_CANONICAL_EMAIL, name="invitation_email_canonical"),
        ]
        triggers = [AuditTrigger(hidden="secret_sha256")]

    def __str__(self) -> str:
        return f"{self.email} to {self.team} as {self.role}"


class ApiKeyQuerySet(TeamOwnedQuerySet["ApiKey"]):
    pass


class ApiKey(models.Model):
    """A secret that authenticates for a team. Only its hash is stored; the prefix identifies the row."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("team"))
    creator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("created by"))
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    secret_sha256 = models.BinaryField(_("secret SHA-256"), max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=24, choices=Scope.choices), verbose_name=_("scopes"))
    allowed_networks = ArrayField(
        models.CharField(max_length=43), default=list, blank=True, verbose_name=_("allowed networks")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(_("last used from"), null=True, blank=True)
    # The key that this one replaces; the old one works until its `expires_at`.
    rotated_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("rotated from")
    )
    # Caps of this key; None: only the limits of its creator and the team apply.
    credits_per_month = models.PositiveIntegerField(_("credits per month"), null=True, blank=True)
    videos_per_day = models.PositiveIntegerField(_("videos per day"), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)

    objects: ClassVar[models.Manager["ApiKey"]] = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        triggers = [AuditTrigger(ignored="last_used_at last_used_ip", hidden="secret_sha256")]

    def __str__(self) -> str:
        return f"{self.name} (mts_{self.prefix}_…)"

    @property
    def state(self) -> str:
        """`live`, `revoked` or `expired`."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "live"
