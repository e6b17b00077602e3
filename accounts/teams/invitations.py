"""Invitations: an email asks a person to join a team by a link that works once."""

import hashlib
import math
import secrets
from datetime import timedelta

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.keys.services import hash_secret
from accounts.models import Invitation, Membership, Team, User
from accounts.roles import Right, Role
from accounts.teams.locking import LockedMembership, lock_team
from common.email_addresses import canonical_email
from common.errors import Conflict, LimitExceeded, NotFound
from common.ratelimit import Limit, RateLimitExceeded, hit

log = structlog.get_logger(__name__)


def open_invitations() -> QuerySet[Invitation]:
    """Return the invitations neither accepted nor withdrawn. Expired ones are included: they can be sent again."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)


def invite(*, team: Team, actor: User, email: str, role: Role, days: int) -> tuple[Invitation, str]:
    """Create an invitation. Returns it with the secret of its link, which is not stored; the caller sends the email.

    Raises Forbidden for a role above the actor's own, Conflict if the person is a member or is already invited or the
    team has too many open invitations, LimitExceeded if too many invitations were sent in a short time.
    """
    email = canonical_email(email)
    _throttle_emails(team, email)
    return _create(team=team, actor=actor, email=email, role=role, days=days)


@transaction.atomic
def _create(*, team: Team, actor: User, email: str, role: Role, days: int) -> tuple[Invitation, str]:
    locked = _lock_for_invite(team, actor, role)
    if Membership.objects.filter(team=team, user__in=_users_with_email(email)).exists():
        raise Conflict("%(email)s is already a member of the team.", {"email": email}, code="already_member")
    now = timezone.now()
    # There can be only one open invitation per email address; a new one replaces an expired one.
    open_invitations().filter(team=team, email=email, expires_at__lte=now).update(revoked_at=now)
    pending = open_invitations().filter(team=team)
    if pending.filter(email=email).exists():
        raise Conflict(
            "%(email)s has already been invited. Send that invitation again, or withdraw it.",
            {"email": email},
            code="already_invited",
        )
    if pending.count() >= settings.MAX_OPEN_INVITATIONS:
        raise Conflict(
            "The team has reached the limit of %(count)s open invitations. Withdraw some first.",
            {"count": settings.MAX_OPEN_INVITATIONS},
            code="too_many_invitations",
        )
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=locked.team,
        email=email,
        role=role,
        secret_sha256=hash_secret(secret),
        inviter=actor,
        expires_at=now + timedelta(days=days),
    )
    log.info("invitation_created", team=team.pk, invitation=invitation.pk, role=role.value)
    return invitation, secret


def renew(*, team: Team, actor: User, invitation_id: int) -> tuple[Invitation, str]:
    """Give an invitation a new link and expiry; the old link stops working. Raises as `invite` does, and NotFound."""
    _throttle_emails(team, _pending_invitation(team, invitation_id).email)
    with transaction.atomic():
        invitation = _pending_invitation(team, invitation_id)
        _lock_for_invite(team, actor, Role(invitation.role))
        secret = secrets.token_urlsafe(32)
        expires_at = timezone.now() + timedelta(days=settings.INVITATION_MAX_AGE_DAYS)
        renewable = open_invitations().filter(pk=invitation.pk)
        if not renewable.update(secret_sha256=hash_secret(secret), inviter=actor, expires_at=expires_at):
            raise NotFound("No such invitation.")
        return renewable.select_related("team", "inviter").get(), secret


@transaction.atomic
def withdraw(*, team: Team, actor: User, invitation_id: int) -> Invitation:
    """Withdraw an invitation. Raises Forbidden, and NotFound if it is no longer open."""
    lock_team(team=team, actor=actor).require(Right.MANAGE_MEMBERS)
    invitation = _pending_invitation(team, invitation_id)
    if not open_invitations().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
        raise NotFound("No such invitation.")
    return invitation


def find_invitation(secret: str) -> Invitation:
    """Return the invitation of a link. Raises NotFound if it does not exist, was used or withdrawn, or has expired."""
    usable = open_invitations().filter(expires_at__gt=timezone.now(), team__deletion_due_at=None, team__deleted_at=None)
    invitation = usable.select_related("team", "inviter").filter(secret_sha256=hash_secret(secret)).first()
    if invitation is None:
        raise NotFound("No such invitation.")
    return invitation


def is_for(invitation: Invitation, user: User) -> bool:
    """Return whether the invited email address is a confirmed one of this account."""
    return _users_with_email(invitation.email).filter(pk=user.pk).exists()


@transaction.atomic
def accept(*, secret: str, user: User) -> Membership:
    """Accept an invitation, which works once. A person who is already a member keeps their role.

    Raises NotFound if the link is not valid (any longer), Conflict if it is for another email address.
    """
    invitation = find_invitation(secret)
    # Lock the team first, as everywhere: a member who is removed at this moment stays removed.
    Team.objects.select_for_update(no_key=True).get(pk=invitation.team_id)
    if not is_for(invitation, user):
        raise Conflict("This invitation is for another email address. Sign in with that one.", code="other_address")
    now = timezone.now()
    usable = open_invitations().filter(
        pk=invitation.pk, secret_sha256=invitation.secret_sha256, expires_at__gt=now, team__deletion_due_at=None
    )
    if not usable.update(accepted_at=now, accepted_by=user):
        raise NotFound("No such invitation.")
    membership, _created = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    log.info("invitation_accepted", team=invitation.team_id, invitation=invitation.pk, user=user.pk)
    return membership


def _lock_for_invite(team: Team, actor: User, role: Role) -> LockedMembership:
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.MANAGE_MEMBERS)
    locked.require_role_covers(role)
    if locked.team.deletion_due_at:
        raise Conflict(
            "The team is scheduled for deletion. Cancel the deletion before you invite people.", code="team_closing"
        )
    return locked


def _pending_invitation(team: Team, invitation_id: int) -> Invitation:
    invitation = Invitation.objects.for_team(team).filter(pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if invitation is None:
        raise NotFound("No such invitation.")
    return invitation


def _users_with_email(email: str) -> QuerySet[User]:
    confirmed = EmailAddress.objects.filter(email=email, verified=True)
    return User.objects.filter(pk__in=confirmed.values("user"))


def _throttle_emails(team: Team, email: str) -> None:
    """Raise LimitExceeded if the team, or all teams together to this recipient, sent too many invitations."""
    recipient = hashlib.sha256(email.encode()).hexdigest()
    limits = [
        Limit("invitations", f"team-{team.pk}", settings.INVITATION_RATE_LIMIT),
        Limit("invitations", f"to-{recipient}", settings.INVITATION_RATE_LIMIT_PER_EMAIL),
    ]
    try:
        hit(limits)
    except RateLimitExceeded as error:
        seconds = error.retry_after_seconds or 0
        raise LimitExceeded(
            "Too many invitations were sent in a short time. Try again in %(minutes)s minutes.",
            {"minutes": math.ceil(seconds / 60)},
            code=error.code,
            extra=error.extra,
            retry_after_seconds=error.retry_after_seconds,
        ) from error
