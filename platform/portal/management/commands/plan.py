"""`manage.py plan NAME`: creates or changes a plan, assigns a team to it, prints its limits."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.forms import model_to_dict

from accounts.management.commands._arguments import find_team
from accounts.quota.models import Plan
from accounts.quota.services import assign_plan
from portal.admin.plan_forms import LIMIT_FIELDS, PlanForm


class Command(BaseCommand):
    help = "Shows a plan, creates or changes it with --set, assigns a team to it with --assign."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the plan")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="a limit, such as max_running=8 or allowed_formats=mp4,gif; an empty value removes it; repeatable",
        )
        parser.add_argument(
            "--assign", metavar="TEAM", help="id or name of a team, or the email address of a personal team's owner"
        )

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        plan = Plan.objects.filter(name=options["name"]).first()
        if plan is None and not options["set"]:
            known = ", ".join(Plan.objects.order_by("name").values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no plan {options['name']!r}. Create it with --set. Existing plans: {known}.")
        if options["set"]:
            plan = _save(plan or Plan(name=options["name"]), dict(_parse_assignment(text) for text in options["set"]))
        assert plan is not None  # noqa: S101 (the type checker does not follow)
        if options["assign"]:
            team = find_team(options["assign"])
            assign_plan(team=team, plan=plan)
            self.stdout.write(f"{team} now has the plan {plan}")
            return
        for name in LIMIT_FIELDS:
            if (value := getattr(plan, name)) is not None:
                self.stdout.write(f"{name}={','.join(value) if isinstance(value, list) else value}")


def _parse_assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name not in LIMIT_FIELDS:
        raise CommandError(f"--set {text!r} is not FIELD=VALUE. The fields are: {', '.join(LIMIT_FIELDS)}.")
    if name == "rollover":
        return name, value.capitalize()
    return name, [part.strip() for part in value.split(",") if part.strip()] if name.startswith("allowed_") else value


def _save(plan: Plan, changes: dict[str, Any]) -> Plan:
    """Save the plan through the form of the admin page, with the same validation and error messages."""
    form = PlanForm({**model_to_dict(plan), **changes}, instance=plan)
    if not form.is_valid():
        errors_text = [f"{name}: {error}" for name, errors in form.errors.items() for error in errors]
        raise CommandError(" ".join(errors_text))
    saved: Plan = form.save()
    return saved
