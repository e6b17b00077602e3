"""A site in this process with a large team, and a member who requests pages."""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

VIDEOS = 100_000
TIMES = 60
SENTENCE = (
    "camera slowly zooms pans tilts drifts closer left right cat rocket coffee steam rises whiskers tremble clouds "
    "pass light falls water ripples leaves move wind blows street rain night snow fire smoke dust waves turning"
)
# Words of a few publications among the hundred thousand.
RARE = {"okapi": 3, "zeppelin": 12, "熊猫饼": 5}


class Member:
    """A person with a team of their own, and a browser's session in it."""

    def __init__(self, email: str) -> None:
        from django.test import Client

        from accounts.models import User
        from accounts.teams.services import ensure_personal_team

        self.user = User.objects.create_user(email)
        self.team = ensure_personal_team(user=self.user)
        self.client = Client()
        self.client.force_login(self.user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def administer(self) -> None:
        """Make the member an administrator whose session has used a second factor."""
        from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

        self.user.is_staff = self.user.is_superuser = True
        self.user.save()
        TOTP.activate(self.user, generate_totp_secret())
        session = self.client.session
        session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
        session["account_authentication_methods_user"] = str(self.user.pk)
        session.save()


class Site(Member):
    """The member of the large team."""

    def __init__(self) -> None:
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.STORAGES = settings.STORAGES | {
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        }
        super().__init__("bench@example.com")
        self._is_published = False

    def publish(self) -> None:
        """Publish VIDEOS videos, once."""
        if not self._is_published:
            fill(self.user, self.team)
            self._is_published = True

    def time(self, target: Any) -> "Times":
        """Measure TIMES GET requests after three that warm up."""
        from django.db import connection

        client, url = target if isinstance(target, tuple) else (self.client, target)
        times = Times()
        for number in range(TIMES + 3):
            if number == 3:
                connection.ensure_connection()
                database = psutil.Process(connection.connection.info.backend_pid)
                before = database.cpu_times()
            started, worked = time.perf_counter(), time.process_time()
            response = url() if callable(url) else client.get(url)
            body = response.getvalue()  # of a streamed response, too
            times.clock.append((time.perf_counter() - started) * 1000)
            times.processor.append((time.process_time() - worked) * 1000)
            assert response.status_code == 200 and body, (url, response.status_code)
        after = database.cpu_times()
        times.database = (after.user + after.system - before.user - before.system) * 1000 / TIMES
        return times


@dataclass
class Times:
    """Milliseconds of each request by the clock and of this process; of the database's process on average."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    database: float = 0.0

    def __str__(self) -> str:
        return f"{_spread(self.clock[3:])}; processor {_spread(self.processor[3:])}, database {self.database:.1f} ms"


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    return f"p50 {statistics.median(ordered):.1f} ms, p95 {p95:.1f} ms, quickest {ordered[0]:.1f} ms"


def fill(user: Any, team: Any) -> None:
    """Create videos, publications, one collection and some favourites, without the services."""
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
        publication.search_text = publication.build_search_text()
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
