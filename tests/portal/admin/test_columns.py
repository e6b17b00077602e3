"""Columns of the admin: named after model fields, labelled with their verbose names, sorted through indexes."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.functional import Promise

from jobs.models import Job
from tests.support.people import Person

OUR_PACKAGES = ("accounts", "jobs", "portal")


def test_every_model_field_has_a_translatable_verbose_name() -> None:
    missing = [
        str(field)
        for model in apps.get_models()
        # The fields of a proxy belong to another model, such as those of allauth that the audit log records.
        if model.__module__.startswith(OUR_PACKAGES) and not model._meta.proxy
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if not (field.auto_created or isinstance(vars(field)["_verbose_name"], Promise))
    ]
    assert not missing


def test_links_and_badges_are_named_after_their_fields() -> None:
    job_admin = admin.site._registry[Job]
    assert job_admin.team_link.short_description == Job._meta.get_field("team").verbose_name  # type: ignore[attr-defined]
    assert job_admin.state_badge.short_description == Job._meta.get_field("state").verbose_name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "column"),
    [("jobs/job", "created_at"), ("quota/ledgerentry", "created_at"), ("audit/auditentry", "at")],
)
def test_large_tables_are_sorted_by_id_instead_of_time(
    path: str, column: str, adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    make_job(alice)
    url = f"/admin/{path}/"
    number = adele.get(url).context_data["cl"].list_display.index(column)
    with CaptureQueriesContext(connection) as queries:
        assert adele.get(f"{url}?o={number}").status_code == 200
    table = apps.get_model(path.replace("/", "."))._meta.db_table
    [rows] = [query["sql"] for query in queries if query["sql"].startswith(f'SELECT "{table}"."id",')]
    assert f'ORDER BY "{table}"."id" ASC' in rows
