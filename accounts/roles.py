"""Roles, scopes and rights, and the table that says which role has which."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A member's role in a team; each role includes the rights of those below it."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")

    def covers(self, other: "Role") -> bool:
        """Return whether this role is at or above the other one."""
        ranks = list(Role)
        return ranks.index(self) <= ranks.index(other)


class Scope(models.TextChoices):
    """What an API key can be allowed to do."""

    VIDEOS_READ = "videos:read", _("See videos")
    VIDEOS_WRITE = "videos:write", _("Make and cancel videos")
    VIDEOS_DELETE = "videos:delete", _("Delete videos")
    USAGE_READ = "usage:read", _("See usage")
    GALLERY_WRITE = "gallery:write", _("Publish to the gallery")
    WEBHOOKS_MANAGE = "webhooks:manage", _("Manage webhooks")


_VIEWER = frozenset({Scope.VIDEOS_READ, Scope.USAGE_READ})
_MEMBER = _VIEWER | {Scope.VIDEOS_WRITE, Scope.VIDEOS_DELETE, Scope.GALLERY_WRITE}
_ADMIN = _MEMBER | {Scope.WEBHOOKS_MANAGE}

SCOPES_OF_ROLE: dict[Role, frozenset[Scope]] = {
    Role.OWNER: _ADMIN,
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.VIEWER: _VIEWER,
}


class Right(models.TextChoices):
    """What a role allows on the pages, besides the scopes."""

    MAKE_KEYS = "make_keys", _("Create API keys")
    MANAGE_KEYS = "manage_keys", _("See, cap and revoke everyone's API keys")
    SEE_TEAM_USAGE = "see_team_usage", _("See what each member uses")
    SEE_AUDIT_LOG = "see_audit_log", _("Read the audit log")
    MANAGE_MEMBERS = "manage_members", _("Invite, remove and cap members, change roles")
    MANAGE_TEAM = "manage_team", _("Rename the team and change its settings")
    CURATE_GALLERY = "curate_gallery", _("Curate everyone's entries in the gallery")
    OWN_TEAM = "own_team", _("Transfer ownership or delete the team; make owners")


_RIGHTS_OF_ADMIN = frozenset(Right) - {Right.OWN_TEAM}

RIGHTS_OF_ROLE: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: _RIGHTS_OF_ADMIN,
    Role.MEMBER: frozenset({Right.MAKE_KEYS}),
    Role.VIEWER: frozenset(),
}
