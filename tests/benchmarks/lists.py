"""Figures of the lists with many videos in one team: `python tests/benchmarks/lists.py [gallery usage videos]`.

Each measure is one GET through the whole site, middleware and templates included, as a signed-in member. Targets: a
95th percentile of at most 100 ms with 100,000 publications, of 50 ms with 1,000,000 videos. Results of record:
RESULTS.md.
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

    site.publish()
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


def usage(site: "Site") -> dict[str, str]:
    """The videos counted over a year: 12 people, two keys each and the browser, two models; and their ledger."""
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from accounts.models import Membership, Team, User
    from accounts.services import create_api_key

    site.publish()
    today = timezone.now().date()
    year_ago = today - timedelta(days=365)
    Team.objects.filter(pk=site.team.pk).update(created_at=timezone.now() - timedelta(days=365))
    people = [site.user, *(User.objects.create_user(f"bench{number}@example.com") for number in range(11))]
    for user in people[1:]:
        Membership.objects.create(team=site.team, user=user)
    for number, user in enumerate(people * 2):
        create_api_key(team=site.team, creator=user, name=f"key {number}")
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_VIDEOS, {"team": site.team.pk, "first": year_ago, "videos": VIDEOS})
        cursor.execute(_LEDGER, {"team": site.team.pk, "first": year_ago, "videos": VIDEOS})
        cursor.execute("SELECT count(*) FROM quota_usageday")
        print(f"usage: {cursor.fetchone()[0]:,} rows of counts", flush=True)
        cursor.execute("VACUUM ANALYZE")
    last_month = today.replace(day=1) - timedelta(days=1)
    return {
        "present month": "/usage",
        "whole month": f"/usage?month={last_month:%Y-%m}",
        "CSV of a whole month": f"/usage.csv?month={last_month:%Y-%m}",
        "any page's credits": "/api-keys",
        "API, a month by member": f"/v1/usage?from={last_month.replace(day=1)}&to={last_month}&group_by=member",
        "API, a year by day": f"/v1/usage?from={year_ago}&to={today}&group_by=day",
    }


_COUNT_VIDEOS = """
    INSERT INTO quota_usageday (team_id, day, user_id, api_key_id, model, credits, videos, completed, gpu_seconds)
    SELECT %(team)s, day, user_id, api_key_id, model, 30 * count(*), count(*), count(*), 28.5 * count(*)
    FROM (SELECT %(first)s::date + n %% 366 AS day, who.user_id, made.key AS api_key_id,
                 CASE WHEN n %% 5 = 0 THEN 'camera' ELSE 'i2vgen-xl' END AS model
          FROM generate_series(1, %(videos)s) n
          JOIN (SELECT user_id, row_number() OVER (ORDER BY user_id) - 1 AS place
                FROM accounts_membership WHERE team_id = %(team)s) who ON who.place = n / 366 %% 12
          JOIN LATERAL (SELECT array_agg(id) || NULL::bigint AS keys
                        FROM accounts_apikey WHERE creator_id = who.user_id) own ON true
          JOIN LATERAL (SELECT own.keys[1 + n / 31 %% 3] AS key) made ON true) videos
    GROUP BY day, user_id, api_key_id, model
"""
_LEDGER = """
    INSERT INTO quota_ledgerentry (team_id, kind, job_id, balance_delta, reserved_delta, reason, created_at)
    SELECT %(team)s, kind, md5(n::text)::uuid, 0, 0, '', %(first)s::date + make_interval(mins => n * 5)
    FROM generate_series(1, %(videos)s) n, (VALUES ('reserve'), ('settle')) AS kinds (kind)
"""


def videos(site: "Site") -> dict[str, Any]:
    """The API's list, the history and the desk: of a team with a million videos, and of one with ten beside it."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from many_jobs import MILLION, SMALL, fill_videos

    from accounts.quota.models import Plan
    from jobs.models import Job

    Plan.objects.update(requests_per_minute=None)
    small = Member("small@example.com")
    desk = Member("desk@example.com")
    get_user_model().objects.filter(pk=desk.user.pk).update(is_staff=True, is_superuser=True)
    desk.show_second_factor()
    fill_videos(site.team, site.user, first=1, last=MILLION // 2)
    fill_videos(small.team, small.user, first=MILLION // 2 + 1, last=MILLION // 2 + SMALL)
    fill_videos(site.team, site.user, first=MILLION // 2 + SMALL + 1, last=MILLION + SMALL)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    middle = Job.objects.for_team(site.team).order_by("-id")[MILLION // 2]
    moment = int(middle.created_at.timestamp())
    questions = {
        "first page": "",
        "100 a page": "limit=100",
        "deep page": f"after={middle.public_id}",
        "oldest first": "order=asc",
        "oldest first, deep": f"order=asc&after={middle.public_id}",
        "failed": "status=failed",
        "expired": "status=expired",
        "queued": "status=queued",
        "in progress": "status=in_progress",
        "model of nearly all": "model=camera",
        "rare model": "model=scripted",
        "common word": "q=camera",
        "rare word": "q=okapi",
        "rare Chinese word": "q=熊猫饼",
        "absent word": "q=xylophone",
        "a day": f"created_after={moment}&created_before={moment + 86_400}",
        "failed, of a model, deep": f"status=failed&model=i2vgen-xl&after={middle.public_id}",
        "expired, of another model": "status=expired&model=i2vgen-xl",
        "failed, rare word": "status=failed&q=okapi",
        "common word, a day, oldest first": f"q=camera&created_after={moment}&order=asc",
        "rare word, rare model": "q=okapi&model=scripted",
    }
    asked: dict[str, Any] = {what: f"/v1/videos?{question}" for what, question in questions.items()}
    for what in ("first page", "expired", "rare model", "common word", "rare word", "absent word"):
        asked[f"team of ten, {what}"] = (small.client, f"/v1/videos?{questions[what]}")
    pages = {"": "", "failed": "state=failed", "rare word": "q=okapi", "deep": f"after={middle.public_id}"}
    asked |= {f"history page, {what}": f"/history?{question}" for what, question in pages.items()}
    desk_pages = ("", "?days=1", "?days=90", "jobs/job/")
    return asked | {f"desk, {page or 'dashboard'}": (desk.client, f"/admin/{page}") for page in desk_pages}


# A list of named measures: each gives the addresses to time.
MEASURES: dict[str, Callable[["Site"], dict[str, Any]]] = {"gallery": gallery, "usage": usage, "videos": videos}


class Member:
    """A person with a team of their own, and a browser's session in it."""

    def __init__(self, email: str) -> None:
        from django.test import Client

        from accounts.models import User
        from accounts.services import ensure_personal_team

        self.user = User.objects.create_user(email)
        self.team = ensure_personal_team(user=self.user)
        self.client = Client()
        self.client.force_login(self.user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def show_second_factor(self) -> None:
        from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

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
        """So many published videos, once."""
        if not self._is_published:
            fill(self.user, self.team)
            self._is_published = True

    def time(self, asked: Any) -> tuple[list[float], list[float]]:
        """Milliseconds of each of so many GETs, the first three left out: on the clock, and of this process."""
        client, address = asked if isinstance(asked, tuple) else (self.client, asked)
        clock, processor = [], []
        for _ in range(TIMES + 3):
            started, worked = time.perf_counter(), time.process_time()
            answer = client.get(address)
            body = answer.getvalue()  # of a streamed answer, too
            clock.append((time.perf_counter() - started) * 1000)
            processor.append((time.process_time() - worked) * 1000)
            assert answer.status_code == 200 and body, (address, answer.status_code)
        return clock[3:], processor[3:]


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
            for what, asked in MEASURES[name](site).items():
                clock, processor = site.time(asked)
                print(f"{name}, {what}: {spread(clock)}; processor {spread(processor)}", flush=True)


def spread(times: list[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    return f"p50 {statistics.median(ordered):.1f} ms, p95 {p95:.1f} ms, quickest {ordered[0]:.1f} ms"


if __name__ == "__main__":
    main(sys.argv[1:])
