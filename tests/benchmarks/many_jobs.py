"""A million videos, created without the services: of one large team, of many others, and ten of a small one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MILLION, SMALL = 1_000_000, 10
# Ids like UUIDv7: milliseconds first, a quarter of a minute between two videos.
_FILL = """
INSERT INTO jobs_job ({columns})
SELECT {values} FROM jobs_job pattern, generate_series(%(first)s::int, %(last)s) n WHERE pattern.id = %(pattern)s
"""
_WORDS = (
    "camera slowly zooms pans tilts drifts closer left right cat rocket coffee steam rises whiskers tremble clouds "
    "pass light falls water ripples leaves move wind blows street rain night snow fire smoke dust waves turning"
)
_CHINESE = (
    "镜头 慢慢 推进 拉远 摇移 小猫 火箭 咖啡 热气 胡须 云朵 飘过 光线 落下 海水 涟漪 树叶 摆动 "
    "微风 街道 下雨 夜晚 飘雪 篝火 烟雾 尘埃 波浪 转动 山谷 河流 草原 星空 月亮 城市 人群 微笑"
)

# Query strings of the API's list.
QUERIES = {
    "first page": "",
    "100 a page": "limit=100",
    "deep page": "after={middle}",
    "oldest first": "order=asc",
    "oldest first, deep": "order=asc&after={middle}",
    "failed": "status=failed",
    "expired": "status=expired",
    "queued": "status=queued",
    "in progress": "status=in_progress",
    "model of nearly all": "model=camera",
    "rare model": "model=scripted",
    "common word": "q=camera",
    "rare word": "q=okapi",
    "absent word": "q=xylophone",
    "two common words side by side": "q=camera+slowly",
    "four common words side by side": "q=camera+camera+camera+zooms",
    "common Chinese word": "q=小猫",
    "rare Chinese word": "q=熊猫饼",
    "two Chinese letters": "q=熊猫",
    "one Chinese letter": "q=饼",
    "two Latin letters of no prompt": "q=qz",
    "a day": "created_after={moment}&created_before={next_day}",
    "failed, of a model, deep": "status=failed&model=i2vgen-xl&after={middle}",
    "expired, of another model": "status=expired&model=i2vgen-xl",
    "failed, rare word": "status=failed&q=okapi",
    "common word, a day, oldest first": "q=camera&created_after={moment}&order=asc",
    "rare word, rare model": "q=okapi&model=scripted",
}


@contextmanager
def without_search_index() -> Iterator[None]:
    """Create the index of the prompts after the block: filling it row by row takes half an hour."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'job_ngrams'")
        definition = cursor.fetchone()[0]
        cursor.execute("DROP INDEX job_ngrams")
        yield
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(definition)


def fill_videos(team: Any, user: Any, *, first: int, last: int) -> None:
    """Create finished videos numbered from first to last, the later the newer; a few of them are queued.

    2 in 100 failed, 1 was canceled, 3 in 100,000 expired; 1 in 10 is of another model, 1 in 50,000 of a third; 1 in 10
    has a Chinese prompt; some words are rare.
    """
    from django.db import connection

    from common.ids import new_id
    from jobs.models import Job

    pattern = Job.objects.create(
        id=new_id(),
        team=team,
        user=user,
        model="camera",
        prompt="",
        resolution="256p",
        width=256,
        height=256,
        num_frames=16,
        fps=8,
        steps=20,
        guidance_scale=9.0,
        seed=1,
        output_format="mp4",
        pool="cpu",
        state="queued",
        quoted_credits=1,
    )
    state = (
        "CASE WHEN n %% 33333 = 7 THEN 'expired' WHEN n %% 100 < 2 THEN 'failed' WHEN n %% 100 = 2 THEN 'canceled' "
        "WHEN n %% 100000 = 99999 THEN 'queued' ELSE 'completed' END"
    )
    moment = "now() - make_interval(secs => (2000001 - n) * 15)"
    word = "(string_to_array({}, ' '))[1 + abs(hashint4(n + {})) %% 36]"
    words = [word.format("%(words)s", number * 7919) for number in range(14)]
    chinese = [word.format("%(chinese)s", number * 7919) for number in range(14)]
    rare = "CASE WHEN n %% 200000 = 3 THEN 'okapi' WHEN n %% 90000 = 4 THEN '熊猫饼' ELSE '' END"
    overrides = {
        "id": f"(lpad(to_hex((extract(epoch from {moment}) * 1000)::bigint), 12, '0') || '7000' || '8000'"
        " || lpad(to_hex(n), 12, '0'))::uuid",
        "state": state,
        "model": "CASE WHEN n %% 50000 = 5 THEN 'scripted' WHEN n %% 10 = 1 THEN 'i2vgen-xl' ELSE 'camera' END",
        "prompt": f"CASE WHEN n %% 10 = 6 THEN concat({', '.join(chinese)}, {rare}) "
        f"ELSE concat_ws(' ', {', '.join(words)}, {rare}) END",
        "result_key": f"CASE WHEN {state} = 'completed' THEN 'x.mp4' ELSE '' END",
        "charged_credits": f"CASE WHEN {state} = 'completed' THEN 1 END",
        "finished_at": f"CASE WHEN {state} <> 'queued' THEN {moment} END",
        "error_code": f"CASE WHEN {state} = 'failed' THEN 'engine_broken' ELSE '' END",
        "created_at": moment,
        "queued_at": moment,
    }
    columns = [field.column for field in Job._meta.fields]
    values = ", ".join(overrides.get(column, f"pattern.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL.format(columns=", ".join(columns), values=values),
            {"first": first, "last": last, "pattern": pattern.pk, "words": _WORDS, "chinese": _CHINESE},
        )
    pattern.delete()


# Rows of these videos in other tables: three events and two rows of the ledger each, and their usage by day.
_EVENTS = """
INSERT INTO jobs_jobevent (job_id, kind, created_at, dispatched_at)
SELECT job.id, kind, job.created_at, job.created_at
FROM jobs_job job, unnest(ARRAY['queued', 'started', job.state]) kind
WHERE job.state <> 'queued' ORDER BY job.id
"""
_LEDGER = """
INSERT INTO quota_ledgerentry (team_id, kind, job_id, balance_delta, reserved_delta, reason, created_at)
SELECT team_id, kind, id, 0, 0, '', created_at FROM jobs_job, unnest(ARRAY['reserve', 'settle']) kind ORDER BY id
"""
_USE = """
INSERT INTO quota_usageday (team_id, day, user_id, model, credits, videos, completed, gpu_seconds)
SELECT team_id, created_at::date, user_id, model, count(*), count(*), count(charged_credits), count(charged_credits)
FROM jobs_job GROUP BY team_id, created_at::date, user_id, model
ON CONFLICT DO NOTHING
"""
# 1,990 batches of 500 requests, a hundred collections of a thousand publications.
_BATCHES = """
INSERT INTO batches_batch (id, team_id, user_id, name, metadata, webhook_url, on_error, total, idempotency_key,
                           fingerprint, intake_attempt, state, created_at, finished_at)
SELECT uuidv7(make_interval(mins => n - 2000)), team.id, team.personal_of_id, 'batch ' || n, '{}', '', 'continue', 500,
       '', '', 1, 'completed', now(), now()
FROM accounts_team team, generate_series(1, 1990) n WHERE team.id = %(team)s
"""
_ITEMS = """
INSERT INTO batches_batchitem (id, team_id, batch_id, index, custom_id, job_id)
SELECT uuidv7(), %(team)s, batch.id, (job.place - 1) %% 500, '', job.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM jobs_job WHERE team_id = %(team)s) job
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM batches_batch) batch
    ON batch.place = (job.place - 1) / 500 + 1
"""
_COLLECTIONS = """
INSERT INTO galleries_collection (id, team_id, name, description, position, created_at)
SELECT uuidv7(), %(team)s, 'Number ' || n, '', n, now() FROM generate_series(1, 100) n
"""
_COLLECTED = """
INSERT INTO galleries_collectionitem (team_id, collection_id, publication_id)
SELECT %(team)s, collection.id, publication.id
FROM (SELECT id, position FROM galleries_collection WHERE position > 0) collection
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM galleries_publication) publication
    ON publication.place %% 100 + 1 = collection.position
"""
_METRIC_COUNTERS = """
INSERT INTO jobs_metriccounter (kind, pool, model, detail, upper_bound, count, seconds, credits)
SELECT state, pool, model, error_code, 60, count(*), 30 * count(*), count(charged_credits)
FROM jobs_job WHERE state <> 'queued' GROUP BY state, pool, model, error_code
"""


def fill_traces(team: Any) -> None:
    """Create the related rows of the videos that `fill_videos` created, and the team's batches and collections."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in (_EVENTS, _LEDGER, _USE, _METRIC_COUNTERS):
            cursor.execute(statement)
        for statement in (_BATCHES, _ITEMS, _COLLECTIONS, _COLLECTED):
            cursor.execute(statement, {"team": team.pk})
        cursor.execute("VACUUM ANALYZE")
