"""RQ's queues and workers: pages of django-rq, for superusers only.

Each view is listed here. Views of django-rq that would unpickle or import what is stored in Redis are replaced. (Its
page of a queue even calls the failure callbacks of abandoned jobs.) The others read jobs with RQ's own class and the
JSON serializer: a forged job may take memory or break its page, and runs nothing. django-rq's API views would stand
outside `admin_view`. Its admin class is not imported: it adds a metric of its own to every process.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import redis
import structlog
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_rq import views
from django_rq.models import Dashboard
from django_rq.queues import get_queue_by_index
from django_rq.settings import get_queues_map
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.serializers import JSONSerializer
from rq.worker import Worker
from unfold.admin import ModelAdmin

from accounts.audit.models import Verb
from accounts.audit.services import record
from common.tasks.job import TaskJob
from common.tasks.queues import TaskQueue, queue_stats

log = structlog.get_logger(__name__)

_MAX_ROWS = 100
# The views whose POST changes something. `actions` is named in the audit log by what was selected.
_RECORDED_VIEWS = {"delete_failed_jobs", "clear", "requeue_all", "delete_job", "requeue_job", "enqueue_job"}
View = Callable[..., HttpResponseBase]


@admin.register(Dashboard)
class QueueAdmin(ModelAdmin):
    """Lists queues, their jobs and workers; enqueues failed tasks again, deletes jobs and empties queues."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_view_permission

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        queue, job = "queues/<int:queue_index>", "queues/<int:queue_index>/<str:job_id>"
        routes: dict[str, tuple[str, View]] = {
            # Its URL name is that of an admin's list; django-rq's templates use the others.
            "dashboard_changelist": ("", self.home),
            "home": ("", self.home),
            "jobs": (f"{queue}/", views.jobs),
            "queue_details": (f"{queue}/details/", self.details),
            "started_jobs": (f"{queue}/started/", self.started),
            "finished_jobs": (f"{queue}/finished/", views.finished_jobs),
            "failed_jobs": (f"{queue}/failed/", views.failed_jobs),
            "deferred_jobs": (f"{queue}/deferred/", views.deferred_jobs),
            "scheduled_jobs": (f"{queue}/scheduled/", views.scheduled_jobs),
            "delete_failed_jobs": (f"{queue}/failed/clear/", self.delete_failed),
            "clear": (f"{queue}/empty/", views.clear_queue),
            "requeue_all": (f"{queue}/requeue-all/", self.requeue_all),
            "confirm_action": (f"{queue}/confirm-action/", views.confirm_action),
            "actions": (f"{queue}/actions/", views.actions),
            "job_detail": (f"{job}/", views.job_detail),
            "result_detail": (f"{job}/results/<str:result_id>/", views.result_detail),
            "delete_job": (f"{job}/delete/", views.delete_job),
            "requeue_job": (f"{job}/requeue/", views.requeue_job_view),
            "enqueue_job": (f"{job}/enqueue/", views.enqueue_job),
            "stop_job": (f"{job}/stop/", require_POST(self.stop)),
            "workers": ("workers/<int:queue_index>/", views.workers),
            "worker_details": ("workers/<int:queue_index>/<str:key>/", self.worker),
        }
        return [
            path(route, self._guarded(name, view), name=f"django_rq_{name}") for name, (route, view) in routes.items()
        ]

    def _guarded(self, name: str, view: View) -> View:
        """Wrap a view: superusers only, behind a second factor; actions are recorded; no forged job breaks a page."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_superuser:
                raise PermissionDenied
            if kwargs.get("queue_index", 0) >= len(get_queues_map()) or request.POST.get("action") == "stop":
                raise Http404
            request.current_app = self.admin_site.name  # read by django-rq's templates
            try:
                response = _rendered(view(request, *args, **kwargs))
            except (NoSuchJobError, AssertionError) as error:
                raise Http404 from error
            except InvalidJobOperation:
                messages.error(request, _("This task is no longer in the list of failed tasks."))
                return redirect("admin:django_rq_failed_jobs", kwargs["queue_index"])
            except (redis.ConnectionError, redis.TimeoutError):
                return self._unavailable(request, _("Redis does not respond. Tasks run nevertheless, a little later."))
            except (Http404, PermissionDenied):
                raise
            except Exception:
                log.exception("queue_page_failed", path=request.path)
                return self._unavailable(request, _("Redis contains a job that cannot be read. Empty the queue."))
            if request.method == "POST" and (action := _action_name(request, name)):
                _record(request, action, kwargs)
            return response

        wrapped: Callable[..., HttpResponseBase] = self.admin_site.admin_view(guarded)
        return wrapped

    def _page(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context}, status=status)

    def _unavailable(self, request: HttpRequest, reason: str) -> HttpResponse:
        return self._page(request, "admin/queues.html", status=503, title=_("Queues"), reason=reason).render()

    def home(self, request: HttpRequest) -> HttpResponse:
        """List the queues."""
        numbers = get_queues_map()
        queues = [(stats, numbers[stats.name]) for stats in queue_stats()]
        return self._page(request, "admin/queues.html", title=_("Queues"), queues=queues)

    def details(self, request: HttpRequest, queue_index: int) -> HttpResponse:
        """Redirect to the waiting jobs: the numbers of a queue are in the list of queues."""
        return redirect("admin:django_rq_jobs", queue_index)

    def started(self, request: HttpRequest, queue_index: int) -> HttpResponse:
        """List the running jobs."""
        queue = get_queue_by_index(queue_index)
        job_ids = queue.started_job_registry.get_job_ids(0, _MAX_ROWS - 1)
        found = TaskJob.fetch_many(job_ids, connection=queue.connection)
        jobs = [job for job in found if job is not None]
        return self._page(
            request,
            "django_rq/jobs.html",
            queue=queue,
            queue_index=queue_index,
            jobs=jobs,
            num_jobs=len(jobs),
            page=1,
            page_range=[],
            job_status=_("Running"),
        )

    def requeue_all(self, request: HttpRequest, queue_index: int) -> HttpResponse:
        """Enqueue all failed jobs again, after a confirmation. Those that are no longer failed are passed over."""
        queue = get_queue_by_index(queue_index)
        registry = queue.failed_job_registry
        if request.method != "POST":
            context = {"queue": queue, "queue_index": queue_index, "total_jobs": registry.count}
            return self._page(request, "django_rq/requeue_all.html", **context)
        count = 0
        for job_id in registry.get_job_ids():
            with suppress(NoSuchJobError, InvalidJobOperation):
                registry.requeue(job_id)
                count += 1
        message = ngettext(
            "%(count)s failed task was enqueued again.", "%(count)s failed tasks were enqueued again.", count
        )
        messages.info(request, message % {"count": count})
        return redirect("admin:django_rq_jobs", queue_index)

    def delete_failed(self, request: HttpRequest, queue_index: int) -> HttpResponse:
        """Delete all failed jobs, after a confirmation."""
        queue = get_queue_by_index(queue_index)
        registry = queue.failed_job_registry
        if request.method != "POST":
            context = {"queue": queue, "queue_index": queue_index, "total_jobs": registry.count}
            return self._page(request, "django_rq/clear_failed_queue.html", **context)
        job_ids = registry.get_job_ids()
        for job_id in job_ids:
            registry.remove(job_id)
            queue.connection.delete(TaskJob.key_for(job_id))
        message = ngettext("%(count)s failed task was deleted.", "%(count)s failed tasks were deleted.", len(job_ids))
        messages.info(request, message % {"count": len(job_ids)})
        return redirect("admin:django_rq_home")

    def stop(self, request: HttpRequest, queue_index: int, job_id: str) -> HttpResponse:
        """Explain why a running task is not stopped."""
        messages.error(request, _("A running task cannot be stopped. It finishes before its worker stops."))
        return redirect("admin:django_rq_job_detail", queue_index, job_id)

    def worker(self, request: HttpRequest, queue_index: int, key: str) -> HttpResponse:
        """Show a worker."""
        queue = get_queue_by_index(queue_index)
        worker = Worker.find_by_key(
            key, connection=queue.connection, job_class=TaskJob, queue_class=TaskQueue, serializer=JSONSerializer
        )
        if worker is None:
            raise Http404
        return self._page(
            request,
            "django_rq/worker_details.html",
            queue=queue,
            queue_index=queue_index,
            worker=worker,
            queue_names=", ".join(worker.queue_names()),
            job=worker.get_current_job(),
            total_working_time=worker.total_working_time,
        )


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Render a page now, while errors of Redis are handled: its template may read from Redis."""
    return response.render() if isinstance(response, TemplateResponse) else response


def _action_name(request: HttpRequest, name: str) -> str:
    """Return the name of the action of a POST; nothing if it changed nothing."""
    if name == "actions" and request.POST.get("job_ids") and request.POST.get("action") in {"delete", "requeue"}:
        return request.POST["action"]
    return name if name in _RECORDED_VIEWS else ""


def _record(request: HttpRequest, action: str, arguments: dict[str, Any]) -> None:
    queue = next(queue for queue, index in get_queues_map().items() if index == arguments["queue_index"])
    jobs = [arguments["job_id"]] if "job_id" in arguments else request.POST.getlist("job_ids")
    record(Verb.ADMIN_ACTION, action=action, queue=queue, jobs=", ".join(jobs)[:1000])
