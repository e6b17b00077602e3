"""`manage.py plan NAME`: makes a plan, changes it, puts a team on it; prints what it allows."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.forms import model_to_dict

from accounts.management.commands._arguments import find_team
from accounts.quota.models import Plan
from accounts.quota.services import assign_plan
from portal.admin.plan_forms import LIMIT_FIELDS, PlanForm


class Command(BaseCommand):
    help = "Shows a plan, makes or changes it with --set, puts a team on it with --assign."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the plan is called")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="a limit, as max_running=8 or allowed_formats=mp4,gif; an empty value lifts it; may be repeated",
        )
        parser.add_argument("--assign", metavar="TEAM", help="a team's number, name, or its person's e-mail address")

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        plan = Plan.objects.filter(name=options["name"]).first()
        if plan is None and not options["set"]:
            known = ", ".join(Plan.objects.order_by("name").values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no plan {options['name']!r}; --set makes it. Known: {known}.")
        if options["set"]:
            plan = _save(plan or Plan(name=options["name"]), dict(_parse_assignment(text) for text in options["set"]))
        assert plan is not None  # noqa: S101 (the type checker does not follow)
        if options["assign"]:
            team = find_team(options["assign"])
            assign_plan(team=team, plan=plan)
            self.stdout.write(f"{team} is on {plan}")
            return
        for name in LIMIT_FIELDS:
            if (value := getattr(plan, name)) is not None:
                self.stdout.write(f"{name}={','.join(value) if isinstance(value, list) else value}")


def _parse_assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name not in LIMIT_FIELDS:
        raise CommandError(f"--set {text!r}: write FIELD=VALUE, with a field of {', '.join(LIMIT_FIELDS)}")
    if name == "rollover":
        return name, value.capitalize()
    return name, [part.strip() for part in value.split(",") if part.strip()] if name.startswith("allowed_") else value


def _save(plan: Plan, changes: dict[str, Any]) -> Plan:
    """Through the form of the admin's page: what it refuses is refused here in the same words."""
    form = PlanForm({**model_to_dict(plan), **changes}, instance=plan)
    if not form.is_valid():
        errors_text = [f"{name}: {error}" for name, errors in form.errors.items() for error in errors]
        raise CommandError(" ".join(errors_text))
    saved: Plan = form.save()
    return saved
