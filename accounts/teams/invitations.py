"""Invitations: a person is asked by mail to join a team, and joins by a link that works once."""

import hashlib
import secrets
from datetime import timedelta

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.keys.services import hash_secret
from accounts.models import Invitation, Membership, Team, User
from accounts.roles import Right, Role
from accounts.teams.locking import LockedMembership, lock_team
from common.errors import Conflict, NotFound
from common.ratelimit import Limit, hit

log = structlog.get_logger(__name__)


def open_invitations() -> QuerySet[Invitation]:
    """Neither accepted nor withdrawn; expired ones among them, since they can be sent again."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)


def invite(*, team: Team, actor: User, email: str, role: Role, days: int) -> tuple[Invitation, str]:
    """A new invitation, and the secret of its link, which is kept nowhere; the mail is the caller's to send.

    Raises Forbidden beyond the actor's own role, Conflict for members, invited ones and a team with too many open
    invitations, LimitExceeded beyond the mails of an hour.
    """
    email = email.lower()
    _throttle_emails(team, email)
    return _create(team=team, actor=actor, email=email, role=role, days=days)


@transaction.atomic
def _create(*, team: Team, actor: User, email: str, role: Role, days: int) -> tuple[Invitation, str]:
    locked = _lock_for_invite(team, actor, role)
    if Membership.objects.filter(team=team, user__in=_users_with_email(email)).exists():
        raise Conflict(_("%(email)s is in the team already.") % {"email": email}, code="already_member")
    now = timezone.now()
    # An expired one makes room: of the open ones there is one an address.
    open_invitations().filter(team=team, email=email, expires_at__lte=now).update(revoked_at=now)
    pending = open_invitations().filter(team=team)
    if pending.filter(email=email).exists():
        message = _("%(email)s is invited already. Send that invitation again, or withdraw it.") % {"email": email}
        raise Conflict(message, code="already_invited")
    if pending.count() >= settings.MAX_OPEN_INVITATIONS:
        message = _("%(count)s invitations are open. Withdraw some first.")
        raise Conflict(message % {"count": settings.MAX_OPEN_INVITATIONS}, code="too_many_invitations")
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
    """The invitation with a new link and term; the old link ends. Raises as `invite` does, and NotFound."""
    _throttle_emails(team, _pending_invitation(team, invitation_id).email)
    with transaction.atomic():
        invitation = _pending_invitation(team, invitation_id)
        _lock_for_invite(team, actor, Role(invitation.role))
        secret = secrets.token_urlsafe(32)
        expires_at = timezone.now() + timedelta(days=settings.INVITATION_MAX_AGE_DAYS)
        renewed = open_invitations().filter(pk=invitation.pk)
        if not renewed.update(secret_sha256=hash_secret(secret), inviter=actor, expires_at=expires_at):
            raise NotFound("No such invitation.")
        return renewed.select_related("team", "inviter").get(), secret


@transaction.atomic
def withdraw(*, team: Team, actor: User, invitation_id: int) -> Invitation:
    """Ends an invitation. Raises Forbidden, and NotFound for one that is not open any more."""
    lock_team(team=team, actor=actor).require(Right.MANAGE_MEMBERS)
    invitation = _pending_invitation(team, invitation_id)
    if not open_invitations().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
        raise NotFound("No such invitation.")
    return invitation


def find_invitation(secret: str) -> Invitation:
    """The invitation behind a link. Raises NotFound, whether it is used, withdrawn, expired or was never there."""
    usable = open_invitations().filter(expires_at__gt=timezone.now(), team__deletion_due_at=None, team__deleted_at=None)
    invitation = usable.select_related("team", "inviter").filter(secret_sha256=hash_secret(secret)).first()
    if invitation is None:
        raise NotFound("No such invitation.")
    return invitation


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the invited address is one that the account has confirmed."""
    return _users_with_email(invitation.email).filter(pk=user.pk).exists()


@transaction.atomic
def accept(*, secret: str, user: User) -> Membership:
    """Uses an invitation up: one click of many gets the membership. Whoever is a member already keeps their role.

    Raises NotFound for a link that does not work (any more), Conflict when it is for another address.
    """
    invitation = find_invitation(secret)
    # The team first, as everywhere: who is removed in this moment stays removed.
    Team.objects.select_for_update(no_key=True).get(pk=invitation.team_id)
    if not is_for(invitation, user):
        raise Conflict(_("This invitation is for another address."), code="other_address")
    now = timezone.now()
    usable = open_invitations().filter(
        pk=invitation.pk, secret_sha256=invitation.secret_sha256, expires_at__gt=now, team__deletion_due_at=None
    )
    if not usable.update(accepted_at=now, accepted_by=user):
        raise NotFound("No such invitation.")
    membership, _made = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    log.info("invitation_accepted", team=invitation.team_id, invitation=invitation.pk, user=user.pk)
    return membership


def _lock_for_invite(team: Team, actor: User, role: Role) -> LockedMembership:
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.MANAGE_MEMBERS)
    locked.require_role_covers(role)
    if locked.team.deletion_due_at:
        raise Conflict(_("The team is being closed. Keep it first, then invite people."), code="team_closing")
    return locked


def _pending_invitation(team: Team, invitation_id: int) -> Invitation:
    invitation = Invitation.objects.for_team(team).filter(pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if invitation is None:
        raise NotFound("No such invitation.")
    return invitation


def _users_with_email(email: str) -> QuerySet[User]:
    confirmed = EmailAddress.objects.filter(email__iexact=email, verified=True)
    return User.objects.filter(pk__in=confirmed.values("user"))


def _throttle_emails(team: Team, email: str) -> None:
    """Raises LimitExceeded: neither a team nor all of them together fill somebody's letter box."""
    address = hashlib.sha256(email.encode()).hexdigest()
    hit(
        [
            Limit("invitations", f"team-{team.pk}", settings.INVITATION_RATE_LIMIT),
            Limit("invitations", f"to-{address}", settings.INVITATION_RATE_LIMIT_PER_EMAIL),
        ]
    )
