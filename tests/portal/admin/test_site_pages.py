"""Every page of the administration site opens, shows what it should and runs a fixed number of queries."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.audit.models import AuditEntry, Verb
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.models import LedgerEntry, Plan, PlanOverride
from common.clock import DatabaseNow
from jobs.models import Job, MetricCounter, Worker
from jobs.states import State
from portal.admin.models import Announcement, Impersonation
from tests.support.people import Person


@pytest.fixture
def everything(adele: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    """Create a row in each table of the site."""
    for state in State:
        make_job(alice, state, error_code="engine_crashed" if state == State.FAILED else "")
    create_api_key(team=alice.team, creator=alice.user, name="a key")
    PlanOverride.objects.create(team=alice.team, max_running=9, reason="a launch")
    Worker.objects.create(
        name="w1",
        pool="cpu",
        model="camera",
        device="cuda:0",
        device_name="A card",
        vram_total_mb=24_000,
        vram_free_mb=8_000,
        last_heartbeat_at=DatabaseNow(),
    )
    Announcement.objects.create(text_en="Back soon", text_zh="稍后回来")
    Impersonation.objects.create(administrator=adele.user, person=alice.user, reason="a question")


def test_the_list_of_teams_counts_members(adele: Person, alice: Person, mia: Person) -> None:
    page = adele.get(reverse("admin:accounts_team_changelist")).content.decode()
    assert "accounts.User.None" not in page
    cells = re.findall(r"<td[^>]*field-member_count[^>]*>(.*?)</td>", page, re.DOTALL)
    assert "2" in [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]


def test_every_list_and_every_row_opens(adele: Person, everything: None) -> None:
    opened = set()
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        response = adele.get(reverse(f"admin:{name}_changelist"))
        assert response.status_code == 200, (model, response.content[-2000:])
        # django-rq's model has no table: its list is the page of the queues.
        row = model._default_manager.first() if model._meta.managed else None
        if row is not None:
            opened.add(model)
            response = adele.get(reverse(f"admin:{name}_change", args=[row.pk]))
            assert response.status_code == 200, (model, response.content[-2000:])
            # A state and its label as a tuple, which should have become a badge.
            assert b"(&#x27;" not in response.content, model
    assert opened >= {User, Team, Membership, ApiKey, Plan, PlanOverride, LedgerEntry, Job, Worker, AuditEntry}


def test_rows_with_credits_or_history_cannot_be_deleted(adele: Person, everything: None) -> None:
    for model in (User, Team, Membership, ApiKey, LedgerEntry, Job, Worker, AuditEntry, Impersonation):
        row = model._default_manager.first()
        assert row is not None
        pk: Any = row.pk
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_delete", args=[pk])
        assert adele.post(url, {"post": "yes"}).status_code == 403
        assert model._default_manager.filter(pk=pk).exists()


def test_a_key_shows_no_hash(adele: Person, alice: Person) -> None:
    key, clear = create_api_key(team=alice.team, creator=alice.user, name="a key")
    page = adele.get(reverse("admin:accounts_apikey_change", args=[key.pk])).content.decode()
    assert key.prefix in page
    assert bytes(key.secret_sha256).hex() not in page
    assert clear not in page
    assert adele.get(reverse("admin:accounts_apikey_add")).status_code == 403


@pytest.mark.parametrize("days", ["", "1", "30", "90", "x", "-1"])
def test_the_dashboard(days: str, adele: Person, everything: None) -> None:
    page = adele.get(f"/admin/?days={days}").content.decode()
    for text in ("w1", "15.6 / 23.4 GB", "engine_crashed", "cpu"):
        assert text in page
    assert 'data-type="bar"' in page


@pytest.mark.parametrize("jobs", [1, 6])
def test_the_dashboard_runs_few_queries(
    jobs: int,
    adele: Person,
    alice: Person,
    make_job: Callable[..., Job],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(jobs):
        make_job(alice, State.FAILED, error_code="out_of_memory")
        make_job(alice, State.QUEUED)
    # session, user, second factor; queued, running, workers, usage, grants, unsuccessful, teams
    with django_assert_num_queries(10):
        assert adele.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "name", ["accounts_team", "jobs_job", "quota_ledgerentry", "accounts_apikey", "audit_auditentry"]
)
def test_lists_run_few_queries_for_any_number_of_rows(
    name: str,
    adele: Person,
    alice: Person,
    make_job: Callable[..., Job],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(9):
        make_job(alice, State.FAILED, error_code="out_of_memory")
        create_api_key(team=alice.team, creator=alice.user, name="a key")
    with django_assert_max_num_queries(9):
        assert adele.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_pages_are_translated_into_chinese(adele: Person, everything: None) -> None:
    adele.client.post("/language", {"language": "zh-hans"})
    page = adele.get("/admin/").content.decode()
    for text in ("总览", "工作进程", "按错误代码统计的失败", "用量最多的团队"):
        assert text in page
    page = adele.get("/admin/quota/plan/add/").content.decode()
    for text in ("每月点数", "同时制作数", "套餐"):
        assert text in page


@pytest.mark.parametrize("term", ["vid_nothing", "\0", "x" * 4000, "vid_" + "0" * 32])
def test_unusual_search_terms_do_not_fail(term: str, adele: Person, everything: None) -> None:
    for name in ("jobs_job", "audit_auditentry", "accounts_team", "accounts_user"):
        assert adele.client.get(reverse(f"admin:{name}_changelist"), {"q": term}).status_code in {200, 302}


def test_a_video_is_found_by_its_public_id(adele: Person, everything: None) -> None:
    job, other = Job.objects.all()[:2]
    page = adele.get(f"/admin/jobs/job/?q={job.public_id}").content.decode()
    assert job.public_id in page
    assert other.public_id not in page


def test_links_of_a_list_have_a_text_and_values_have_labels(adele: Person, alice: Person) -> None:
    assert alice.team.name in (page := adele.get("/admin/accounts/membership/").content.decode())
    assert not re.search(r"<a [^>]*>\s*</a>", page)
    AuditEntry.objects.create(verb=Verb.SIGN_IN, actor=alice.user)
    page = adele.get("/admin/audit/auditentry/").content.decode()
    assert re.search(r">\s*Signed in\s*<", page)
    assert not re.search(r">\s*sign_in\s*<", page)


def test_the_list_of_videos_reads_the_values_of_its_filters_from_the_counters(
    adele: Person, everything: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Counting or sorting a million videos takes a second."""
    MetricCounter.objects.create(
        kind="failed", pool="other", model="camera", detail="some_code", upper_bound=1, count=1, seconds=1, credits=0
    )
    # session, user, second factor; plan, count, videos, and the values of three filters
    with django_assert_num_queries(9) as queries:
        page = adele.get("/admin/jobs/job/").content.decode()
    assert not [query["sql"] for query in queries if 'DISTINCT "jobs_job"' in query["sql"]]
    for choice in ("pool=other", "model=camera", "error_code=some_code"):
        assert choice in page
    assert "pool=gpu" not in page


def test_many_rows_are_not_counted(
    adele: Person, everything: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr("portal.admin.base._MAX_COUNTED_ROWS", 0)
    for path in ("/admin/jobs/job/", "/admin/jobs/job/?state__exact=failed"):
        with django_assert_num_queries(8) as queries:
            assert adele.get(path).status_code == 200
        assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]], path


def test_a_list_has_a_checkbox_per_row_and_a_sort_link_per_column(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    jobs = [make_job(alice, State.QUEUED) for _ in range(3)]
    page = adele.get("/admin/jobs/job/?state=queued").content.decode()
    boxes = re.findall(r'<input[^>]*name="_selected_action"[^>]*>', page)
    assert sorted(re.findall(r'value="([^"]+)"', " ".join(boxes))) == sorted(str(job.pk) for job in jobs)
    assert all('aria-label="Select record"' in box for box in boxes)
    sort_urls = re.findall(r'href="\?(o=[^"]+)"', page)
    assert len(set(sort_urls)) > 5  # one URL per column
    assert all("state=queued" in url for url in sort_urls)


def test_a_state_is_shown_with_its_label_in_the_list_and_on_the_page(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    job = make_job(alice, State.IN_PROGRESS)
    for path in ("/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/"):
        for language, label in {"en": "In progress", "zh-CN": "制作中"}.items():
            page = adele.client.get(path, headers={"Accept-Language": language}).content.decode()
            assert re.search(rf"<span[^>]*>\s*{label}\s*</span>", page), (path, language)
            assert "&#x27;in_progress&#x27;" not in page
