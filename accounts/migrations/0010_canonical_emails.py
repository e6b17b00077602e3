"""Email addresses in canonical form. Addresses that differ only in their spelling were several accounts before."""

from collections import defaultdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db import migrations, models

from accounts.fields import CanonicalEmailField
from common.email_addresses import canonical_email

_CANONICAL = r"^[!-@\[-~]+$"


def _to_canonical(apps: Any, _schema_editor: Any) -> None:
    user, invitation = apps.get_model("accounts", "User"), apps.get_model("accounts", "Invitation")
    address = apps.get_model("account", "EmailAddress")
    _reject_collisions(user, address)
    for row in user.objects.exclude(email__regex=_CANONICAL):
        user.objects.filter(pk=row.pk).update(email=canonical_email(row.email))
    # An account that has one address in two spellings keeps its primary, else its confirmed one.
    for row in address.objects.exclude(email__regex=_CANONICAL).order_by("primary", "verified"):
        email = canonical_email(row.email)
        others = address.objects.filter(user=row.user_id, email=email)
        if others.filter(verified=True).exists() and not row.primary:
            row.delete()
        else:
            others.delete()
            address.objects.filter(pk=row.pk).update(email=email)
    # An invitation is a link in an email: the first of several open ones remains, and nothing else can be done with one
    # for an address that does not exist.
    for row in invitation.objects.exclude(email__regex=_CANONICAL).order_by("pk"):
        try:
            email = canonical_email(row.email)
        except ValidationError:
            row.delete()
            continue
        is_open = {"accepted_at": None, "revoked_at": None}
        others = invitation.objects.filter(team=row.team_id, email=email, **is_open)
        if row.accepted_at is None and row.revoked_at is None and others.exists():
            row.delete()
        else:
            invitation.objects.filter(pk=row.pk).update(email=email)


def _reject_collisions(user: Any, address: Any) -> None:
    """Raise ValueError with a list of the accounts that a person has to decide about."""
    accounts: dict[str, set[tuple[int, str]]] = defaultdict(set)
    problems = []
    spellings = [
        *user.objects.values_list("pk", "email"),
        *address.objects.filter(verified=True).values_list("user_id", "email"),
    ]
    for pk, email in spellings:
        try:
            accounts[canonical_email(email)].add((pk, email))
        except ValidationError:
            problems.append(f"account {pk}: {email!a} is not a valid email address")
    for canonical, owners in sorted(accounts.items()):
        if len({pk for pk, _email in owners}) > 1:
            names = ", ".join(f"account {pk} ({email})" for pk, email in sorted(owners))
            problems.append(f"{canonical} belongs to {names}")
    if problems:
        raise ValueError(
            "Some accounts have the same email address in different spellings, or an invalid one:\n  "
            + "\n  ".join(dict.fromkeys(problems))
            + "\nNothing was changed. With the previous release, change the email addresses of these accounts or close "
            "all but one of each (administration, People), then run `manage.py migrate` again."
        )


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("accounts", "0009_audit_triggers"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="user", name="user_email_unique_ignoring_case"),
        migrations.RemoveConstraint(model_name="invitation", name="invitation_open_once_per_address"),
        migrations.RunPython(_to_canonical, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=CanonicalEmailField(max_length=254, unique=True, verbose_name="email address"),
        ),
        migrations.AlterField(
            model_name="invitation",
            name="email",
            field=CanonicalEmailField(max_length=254, verbose_name="email address"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(condition=models.Q(email__regex=_CANONICAL), name="user_email_canonical"),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=["team", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once_per_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(email__regex=_CANONICAL), name="invitation_email_canonical"
            ),
        ),
    ]
