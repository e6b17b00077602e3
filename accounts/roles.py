"""Roles, scopes, and the one table that says which role may do what."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A member's standing in a team; each includes what the ones below it may do."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Scope(models.TextChoices):
    """What an API key may be allowed."""

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


def may_manage_team(role: Role) -> bool:
    """Invite, remove and re-role members; see and revoke everyone's keys."""
    return role in {Role.OWNER, Role.ADMIN}


def may_create_keys(role: Role) -> bool:
    return role != Role.VIEWER
