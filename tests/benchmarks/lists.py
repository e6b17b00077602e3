"""Figures of the lists with 100,000 videos in one team: `python tests/benchmarks/lists.py [gallery …]`.

Each measure is one GET through the whole site, middleware and templates included, as a signed-in member; the target is
a 95th percentile of at most 100 ms. Results of record: RESULTS.md.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from portal_process import benchmark_site

VIDEOS = 100_000
TIMES = 60
SENTENCE = (
    "camera slowly zooms pans tilts drifts closer left right cat rocket coffee steam rises whiskers tremble clouds "
    "pass light falls water ripples leaves move wind blows street rain night snow fire smoke dust waves turning"
)
# Words of a few publications among the hundred thousand.
RARE = {"okapi": 3, "zeppelin": 12, "熊猫饼": 5}


def gallery(site: "Site") -> dict[str, str]:
    """Pages of the gallery by what is asked of them."""
    from common.ids import public_id
    from jobs.galleries.models import Collection, Publication

    middle = Publication.objects.order_by("-id")[VIDEOS // 2]
    collection = Collection.objects.get()
    return {
        "first page": "/gallery",
        "page in the middle": f"/gallery?after={middle.public_id}",
        "rare word": "/gallery?q=okapi",
        "rare Chinese word": "/gallery?q=熊猫饼",
        "two Chinese letters": "/gallery?q=熊猫",
        "rare among common words": "/gallery?q=camera+zeppelin+slowly",
        "common word": "/gallery?q=camera",
        "absent word": "/gallery?q=xylophone",
        "rare tag": "/gallery?tag=rare",
        "common tag": "/gallery?tag=common",
        "rare model": "/gallery?model=scripted",
        "collection": f"/gallery?collection={public_id('col', collection.id)}",
        "favourites": "/gallery?favourites=1",
        "publisher": f"/gallery?who={site.user.pk}",
        "API, rare word": "/v1/gallery?q=okapi",
    }


# A list of named measures: each gives the addresses to time.
MEASURES: dict[str, Callable[["Site"], dict[str, str]]] = {"gallery": gallery}


class Site:
    """A team with so many published videos, and a browser's session in it."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.test import Client

        from accounts.models import User
        from accounts.services import ensure_personal_team

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.STORAGES = settings.STORAGES | {
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        }
        self.user = User.objects.create_user("bench@example.com")
        self.team = ensure_personal_team(user=self.user)
        fill(self.user, self.team)
        self.client = Client()
        self.client.force_login(self.user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def time(self, address: str) -> list[float]:
        """Milliseconds of each of so many requests, the first three left out."""
        times = []
        for _ in range(TIMES + 3):
            started = time.perf_counter()
            answer = self.client.get(address)
            times.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, (address, answer.status_code)
        return times[3:]


def fill(user: Any, team: Any) -> None:
    """Videos, publications, one collection and some favourites, past all services."""
    import random

    from django.db import connection
    from django.utils import timezone

    from common.ids import new_id
    from jobs.galleries.models import Collection, CollectionItem, Favourite, Publication
    from jobs.models import Job

    chance, words = random.Random(4), SENTENCE.split()
    rare = [word for word, count in RARE.items() for _ in range(count)]
    places = dict(zip(chance.sample(range(VIDEOS), len(rare)), rare, strict=True))
    jobs, publications = [], []
    for number in range(VIDEOS):
        prompt = " ".join([*chance.choices(words, k=14), places.get(number, "")])
        job = Job(
            id=new_id(),
            team=team,
            user=user,
            model="scripted" if number % 20_000 == 0 else "camera",
            prompt=prompt,
            resolution="256p",
            width=256,
            height=256,
            num_frames=16,
            fps=8,
            steps=20,
            guidance_scale=9.0,
            seed=number,
            output_format="mp4",
            pool="cpu",
            state="completed",
            result_key=f"{number}.mp4",
            poster_key=f"{number}.jpg",
            quoted_credits=1,
            charged_credits=1,
            finished_at=timezone.now(),
        )
        tags = ["rare"] if number % 10_000 == 0 else ["common"] if number % 3 == 0 else []
        publication = Publication(
            id=new_id(), team=team, job=job, publisher=user, caption=f"Take {number}", tags=tags, model=job.model
        )
        publication.search_text = publication.words()
        jobs.append(job)
        publications.append(publication)
    Job.objects.bulk_create(jobs, batch_size=5_000)
    Publication.objects.bulk_create(publications, batch_size=5_000)
    some = publications[::500]
    collection = Collection.objects.create(team=team, name="Chosen")
    CollectionItem.objects.bulk_create(
        CollectionItem(team=team, collection=collection, publication=one) for one in some
    )
    Favourite.objects.bulk_create(Favourite(team=team, user=user, publication=one) for one in some)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def main(names: list[str]) -> None:
    with benchmark_site():
        site = Site()
        for name in names or list(MEASURES):
            for what, address in MEASURES[name](site).items():
                ordered = sorted(site.time(address))
                p95 = ordered[int(len(ordered) * 0.95)]
                print(f"{name}, {what}: p50 {statistics.median(ordered):.1f} ms, p95 {p95:.1f} ms", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
