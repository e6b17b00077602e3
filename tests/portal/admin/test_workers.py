"""The administration pages of workers."""

from typing import Any

import pytest
from django.utils import timezone

from common.messages import Message
from jobs.models import Worker
from tests.support.people import Person

LOW_SPACE = Message("Only %(free)s MB are left on the disk for scratch files.", {"free": 12})
TEXTS = {"en": "Only 12 MB are left on the disk for scratch files.", "zh-hans": "磁盘仅剩 12 MB 可用于临时文件。"}


def make_worker(**values: Any) -> Worker:
    defaults = {"name": "gpu-1", "pool": "gpu", "model": "i2vgen-xl", "device": "cuda:0"}
    return Worker.objects.create(**{**defaults, "last_heartbeat_at": timezone.now(), **values})


@pytest.fixture
def unhealthy() -> dict[str, Any]:
    return {
        "state": Worker.State.UNHEALTHY,
        "last_error": LOW_SPACE.template,
        "last_error_params": LOW_SPACE.params_as_json(),
    }


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("page", ["/admin/", "/admin/jobs/worker/{pk}/change/"])
def test_the_last_error_is_shown_in_the_language_of_the_reader(
    page: str, language: str, adele: Person, unhealthy: dict[str, Any]
) -> None:
    worker = make_worker(**unhealthy)
    adele.client.post("/language", {"language": language})
    content = adele.get(page.format(pk=worker.pk)).content.decode()
    assert TEXTS[language] in content


def test_a_text_of_an_earlier_release_is_shown_as_it_is(adele: Person) -> None:
    worker = make_worker(state=Worker.State.UNHEALTHY, last_error="Cannot publish: 100% full", last_error_params=None)
    assert "Cannot publish: 100% full" in adele.get(f"/admin/jobs/worker/{worker.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("total", "free", "shown"), [(0, 0, None), (24576, 24576, "0.0 / 24.0 GB"), (24576, 8192, "16.0 / 24.0 GB")]
)
def test_the_memory_in_use_is_shown_for_gpus_only(total: int, free: int, shown: str | None, adele: Person) -> None:
    make_worker(vram_total_mb=total, vram_free_mb=free)
    content = adele.get("/admin/jobs/worker/").content.decode()
    assert (" GB" in content) is (shown is not None)
    assert shown is None or shown in content


def test_the_weights_of_the_machine_are_shown(adele: Person) -> None:
    weights = {"source": "someone/<model>", "commit": "5" * 40, "size_bytes": 34_200_000_000}
    worker = make_worker(installed_weights=[weights, {**weights, "source": "someone/another"}])
    content = adele.get(f"/admin/jobs/worker/{worker.pk}/change/").content.decode()
    assert f"someone/&lt;model&gt; ({'5' * 12}, 31.9\xa0GB)<br>someone/another (" in content


@pytest.mark.parametrize("page", ["/admin/", "/admin/jobs/worker/", "/admin/jobs/worker/{pk}/change/"])
def test_the_models_of_a_worker_are_shown(page: str, adele: Person) -> None:
    error = Message("The model could not be loaded: %(reason)s", {"reason": "timeout"})
    models = {
        "i2vgen-xl": {"load_seconds": 12.5, "error": None},
        "wan-ti2v-5b": {"load_seconds": None, "error": None},
        "wan-i2v-a14b": {"load_seconds": None, "error": error.as_json()},
    }
    worker = make_worker(installed_models=models, loading_model="wan-ti2v-5b", state=Worker.State.LOADING)
    content = adele.get(page.format(pk=worker.pk)).content.decode()
    assert "i2vgen-xl (loaded), wan-ti2v-5b (being loaded), wan-i2v-a14b (could not be loaded)" in content
    if "change" in page:
        assert "wan-i2v-a14b: The model could not be loaded: timeout" in content


def test_a_worker_with_one_model_shows_its_name(adele: Person) -> None:
    make_worker(installed_models={"i2vgen-xl": {"load_seconds": 12.5, "error": None}})
    content = adele.get("/admin/jobs/worker/").content.decode()
    assert ">i2vgen-xl<" in content.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "unavailable, last change 0\xa0minutes ago; 3 s in its queue"), ("zh-hans", "上次变化")],
)
def test_the_upstream_server_is_shown(language: str, text: str, adele: Person) -> None:
    make_worker(server_is_available=False, server_changed_at=timezone.now(), server_waiting_seconds=3.2)
    adele.client.post("/language", {"language": language})
    assert text in adele.get("/admin/jobs/worker/").content.decode()
