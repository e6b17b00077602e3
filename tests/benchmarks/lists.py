"""Measures the lists with many videos in one team: `python tests/benchmarks/lists.py [gallery usage videos]`.

Each measurement is one GET through the whole site, with middleware and templates, as a signed-in member. Targets: a
95th percentile of at most 100 ms with 100,000 publications, of 50 ms with 1,000,000 videos. Under other load the
processor times say more than the clock. Results of record: RESULTS.md.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.listed_site import VIDEOS, Member, Site
from tests.benchmarks.portal_process import benchmark_site


def gallery(site: Site) -> dict[str, str]:
    """Return pages of the gallery by name."""
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


def usage(site: Site) -> dict[str, str]:
    """The videos counted over a year: 12 people, two keys each and the browser, two models; and their ledger."""
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from accounts.keys.services import create_api_key
    from accounts.models import Membership, Team, User

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


def videos(site: Site) -> dict[str, Any]:
    """Return the lists of a team with a million videos, some of one with ten, the administration, and the metrics."""
    from tests.benchmarks.many_jobs import MILLION, SMALL, fill_traces, fill_videos, without_search_index

    site.publish()
    small, admin = Member("small@example.com"), Member("admin@example.com")
    admin.administer()
    with without_search_index():
        fill_videos(site.team, site.user, first=1, last=MILLION // 2)
        fill_videos(small.team, small.user, first=MILLION // 2 + 1, last=MILLION // 2 + SMALL)
        fill_videos(site.team, site.user, first=MILLION // 2 + SMALL + 1, last=MILLION + SMALL)
    fill_traces(site.team)
    return among_a_million(site, small, admin)


def among_a_million(site: Site, small: Member, admin: Member) -> dict[str, Any]:
    """Return the URLs to measure, by name."""
    from accounts.quota.models import Plan
    from jobs.models import Job
    from tests.benchmarks.many_jobs import MILLION, QUERIES

    Plan.objects.update(requests_per_minute=None)
    middle = Job.objects.for_team(site.team).order_by("-id")[MILLION // 2]
    moment = int(middle.created_at.timestamp())
    known = {"middle": middle.public_id, "moment": moment, "next_day": moment + 86_400}
    urls: dict[str, Any] = {what: f"/v1/videos?{query.format(**known)}" for what, query in QUERIES.items()}
    for what in ("first page", "expired", "rare model", "common word", "rare word", "absent word"):
        urls[f"team of ten, {what}"] = (small.client, f"/v1/videos?{QUERIES[what]}")
    pages = {"": "", "failed": "state=failed", "rare word": "q=okapi", "deep": f"after={middle.public_id}"}
    urls |= {f"history page, {what}": f"/history?{query}" for what, query in pages.items()}
    others = ("/gallery", "/v1/gallery", "/gallery/collections", "/v1/collections", "/batches", "/v1/batches")
    urls |= {url: url for url in others}
    urls |= {f"administration, {page}": (admin.client, f"/admin/{page}") for page in ("", "?days=90", "jobs/job/")}
    return urls | {"metrics": scrape}


def scrape() -> Any:
    """Scrape the metrics with an empty cache."""
    from django.conf import settings
    from django.test import Client

    from portal.metrics import site

    settings.METRICS_TOKEN = "benchmark"
    site.cache.clear()
    return Client().get("/metrics", headers={"Authorization": "Bearer benchmark"})


# Named measurements: each returns the URLs to time.
MEASURES: dict[str, Callable[[Site], dict[str, Any]]] = {"gallery": gallery, "usage": usage, "videos": videos}


def main(names: list[str]) -> None:
    with benchmark_site():
        site = Site()
        for name in names or list(MEASURES):
            for what, url in MEASURES[name](site).items():
                print(f"{name}, {what}: {site.time(url)}; load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
