"""The default model of a team, and the form of a team that is scheduled for deletion."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from jobs.models import Job
from tests.support.images import image_upload
from tests.support.people import Person


def submitted(person: Person) -> Any:
    return person.post("/", {"prompt": "zoom", "image": image_upload(), "model": ""})


@pytest.mark.parametrize(("chosen", "made_by"), [("i2vgen-xl", "i2vgen-xl"), ("", "camera"), ("gone", "camera")])
def test_the_teams_model_comes_before_the_sites(chosen: str, made_by: str, mia: Person, settings: Any) -> None:
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = ["camera", "i2vgen-xl"], "camera"
    Team.objects.filter(pk=mia.team.pk).update(default_model=chosen)

    assert mia.get("/").context["values"]["model"] == made_by
    assert {model["id"]: model["default"] for model in mia.get("/v1/models").json()["data"]}[made_by]
    assert submitted(mia).status_code == 302
    assert Job.objects.get().model == made_by


def test_a_team_scheduled_for_deletion_cannot_create_videos(mia: Person, make_job: Callable[..., Job]) -> None:
    Team.objects.filter(pk=mia.team.pk).update(deletion_due_at=timezone.now() + timedelta(days=3))
    refused = submitted(mia)
    assert refused.status_code == 422
    assert "This team is scheduled for deletion and cannot create videos." in refused.content.decode()
    assert not Job.objects.exists()
