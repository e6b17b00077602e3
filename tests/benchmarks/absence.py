"""Compares the response times for another team's id and for an unknown id: `python tests/benchmarks/absence.py`.

Both are requested in turn through the whole site, with a key of another team. The difference is smaller than that
between two requests for the same id. Results of record: RESULTS.md.
"""

import statistics
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.portal_process import benchmark_site

TIMES = 400


def main() -> None:
    from django.conf import settings
    from django.test import Client

    from accounts.keys.services import create_api_key
    from accounts.models import User
    from accounts.quota.models import Plan
    from accounts.teams.services import ensure_personal_team
    from jobs.webhooks.services import create_endpoint

    settings.ALLOWED_HOSTS = ["testserver"]
    teams = [ensure_personal_team(user=User.objects.create_user(f"{name}@example.com")) for name in ("own", "other")]
    Plan.objects.update(requests_per_minute=None)
    owner, outsider = (team.memberships.get().user for team in teams)
    hook = create_endpoint(team=teams[0], creator=owner, url="https://example.com", kinds=["video.completed"])
    _, key = create_api_key(team=teams[1], creator=outsider, name="outsider")
    client = Client(headers={"Authorization": f"Bearer {key}"})
    absent = uuid.UUID(int=0).hex
    for name, path, foreign in [
        ("video", "/v1/videos/vid_{}", video_of(teams[0], owner)),
        ("content", "/v1/videos/vid_{}/content", video_of(teams[0], owner)),
        ("webhook", "/v1/webhooks/whk_{}", hook.id.hex),
    ]:
        found: dict[str, list[float]] = {foreign: [], absent: []}
        for _ in range(TIMES):
            for identifier, times in found.items():
                started = time.perf_counter()
                response = client.get(path.format(identifier))
                times.append((time.perf_counter() - started) * 1000)
                assert response.status_code == 404, response.content
        medians = {identifier: statistics.median(times) for identifier, times in found.items()}
        spread = statistics.quantiles(found[absent], n=4)
        print(
            f"{name}: foreign {medians[foreign]:.2f} ms, absent {medians[absent]:.2f} ms, "
            f"ratio {medians[foreign] / medians[absent]:.3f}; half of the absent {spread[0]:.2f} to {spread[2]:.2f}"
        )


def video_of(team: Any, user: Any) -> str:
    """Create a queued video of the team and return its id."""
    from jobs.models import Job

    job = Job.objects.create(
        team=team,
        user=user,
        model="camera",
        prompt="x",
        resolution="256p",
        width=256,
        height=256,
        num_frames=8,
        fps=8,
        steps=10,
        guidance_scale=9.0,
        seed=1,
        output_format="mp4",
        pool="cpu",
        quoted_credits=1,
    )
    return str(job.id.hex)


if __name__ == "__main__":
    with benchmark_site():
        main()
