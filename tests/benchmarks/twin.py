"""A minimal FastAPI service on an asynchronous psycopg pool that does the same work as ours, for `against_twin.py`.

It checks the key by its hash, counts the request by the same Redis script, reads a video scoped by the key's team and
builds the same JSON. For a submit it decodes the image by the same functions, stores it, reserves in one transaction
(wallet, ledger, job, event, idempotency key) and enforces the plan's queue limit. It has no pages, no roles, no row
policies, no quotas of credits or storage, and reports no queue position.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import psycopg  # noqa: E402
import redis.asyncio  # noqa: E402
from fastapi import FastAPI, HTTPException, Request, Response  # noqa: E402
from fastapi.responses import JSONResponse  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402
from psycopg_pool import AsyncConnectionPool  # noqa: E402
from pydantic import BaseModel, Field  # noqa: E402

from common.ids import new_id, parse_public_id, public_id  # noqa: E402
from common.ratelimit import _HIT_SCRIPT  # noqa: E402
from inference.image_decoding.decode import decode_image  # noqa: E402
from inference.images import encode_png  # noqa: E402
from inference.models.catalogue import MODELS  # noqa: E402

app = FastAPI()
MEDIA = Path(os.environ["TWIN_MEDIA"])
_KEY = """
SELECT key.id, key.team_id, key.creator_id, key.requests_per_minute AS key_rate, key.secret_sha256,
       plan.requests_per_minute AS team_rate, plan.max_queued
FROM accounts_apikey key JOIN quota_wallet wallet ON wallet.team_id = key.team_id
JOIN quota_plan plan ON plan.id = wallet.plan_id
WHERE key.prefix = %s AND key.revoked_at IS NULL
"""


class Body(BaseModel):
    model_config = {"extra": "forbid"}
    image_base64: str
    prompt: str = Field(min_length=1, max_length=1000)
    resolution: str = "512p"
    num_frames: int = Field(16, ge=8, le=32)
    fps: int = Field(8, ge=4, le=24)
    steps: int = Field(50, ge=10, le=100)
    guidance_scale: float = Field(9.0, ge=1, le=20)


@app.on_event("startup")
async def start() -> None:
    app.state.pool = AsyncConnectionPool(os.environ["TWIN_DATABASE"], min_size=4, max_size=10, open=False)
    await app.state.pool.open()
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
    app.state.count = client.register_script(_HIT_SCRIPT)


async def caller(request: Request, connection: psycopg.AsyncConnection[Any]) -> dict[str, Any]:
    parts = request.headers.get("authorization", "").removeprefix("Bearer ").split("_", 2)
    cursor = connection.cursor(row_factory=dict_row)
    key = await (await cursor.execute(_KEY, [parts[1] if len(parts) == 3 else ""])).fetchone()
    given = hashlib.sha256(parts[-1].encode()).digest()
    if key is None or not secrets.compare_digest(bytes(key["secret_sha256"]), given):
        raise HTTPException(401)
    allowed, *_ = await app.state.count(keys=[f"twin:{key['team_id']}"], args=[key["team_rate"], 60])
    if not allowed:
        raise HTTPException(429)
    return key


@app.get("/v1/videos/{video_id}")
async def poll(video_id: str, request: Request) -> Response:
    async with app.state.pool.connection() as connection:
        key = await caller(request, connection)
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(
            "SELECT * FROM jobs_job WHERE id = %s AND team_id = %s AND deleted_at IS NULL",
            [parse_public_id("vid", video_id), key["team_id"]],
        )
        job = await cursor.fetchone()
    if job is None:
        raise HTTPException(404)
    body = as_json(job, str(request.base_url))
    etag = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    return JSONResponse(body, headers={"ETag": f'"{etag}"', "X-Request-Id": secrets.token_hex(16)})


@app.post("/v1/videos", status_code=202)
async def submit(body: Body, request: Request) -> Response:
    async with app.state.pool.connection() as connection:
        key = await caller(request, connection)
    job_id = new_id()
    png, size = await asyncio.to_thread(_image, body.image_base64)
    path = MEDIA / str(key["team_id"]) / job_id.hex / "source.png"
    await asyncio.to_thread(_store, path, png)
    width, height = MODELS["i2vgen-xl"].sizes.frame_size(body.resolution, "auto", size)
    fingerprint = hashlib.sha256(body.model_dump_json().encode()).digest()
    async with app.state.pool.connection() as connection, connection.transaction():
        run = connection.execute
        # As ours: the credits first, whose row is the lock; then the rows that depend on them.
        paid = await run(
            "UPDATE quota_wallet SET balance = balance - 5, reserved = reserved + 5"
            " WHERE team_id = %s AND balance >= 5 RETURNING balance",
            [key["team_id"]],
        )
        if await paid.fetchone() is None:
            raise HTTPException(429)
        await run(
            "INSERT INTO quota_ledgerentry (team_id, kind, job_id, balance_delta, reserved_delta, reason, created_at)"
            " VALUES (%s, 'reserve', %s, -5, 5, '', now())",
            [key["team_id"], job_id],
        )
        waiting = await run("SELECT count(*) FROM jobs_job WHERE team_id = %s AND state = 'queued'", [key["team_id"]])
        counted = await waiting.fetchone()
        if counted is None or counted[0] >= key["max_queued"]:
            raise HTTPException(429)
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(
            "INSERT INTO jobs_job (id, team_id, user_id, api_key_id, model, prompt, negative_prompt, preset,"
            " resolution, width, height, num_frames, fps, steps, guidance_scale, seed, output_format, source_key,"
            " metadata, webhook_url, webhook_format, warnings, state, pool, priority, vram_mb, attempt, max_attempts,"
            " crash_count, steps_done, result_key, poster_key, quoted_credits, error_code, error_message,"
            " created_at, queued_at)"
            " VALUES (%s, %s, %s, %s, 'camera', %s, '', '', %s, %s, %s, %s, %s, %s, %s, %s, 'mp4', %s, '{}', '', '',"
            " '[]', 'queued', 'cpu', 1, 0, 0, 3, 0, 0, '', '', 5, '', '', now(), now()) RETURNING *",
            [
                *(job_id, key["team_id"], key["creator_id"], key["id"], body.prompt, body.resolution, width, height),
                *(body.num_frames, body.fps, body.steps, body.guidance_scale, secrets.randbits(62), str(path)),
            ],
        )
        job = await cursor.fetchone()
        await run("INSERT INTO jobs_jobevent (job_id, kind, created_at) VALUES (%s, 'queued', now())", [job_id])
        await run(
            "INSERT INTO jobs_idempotencyrecord (team_id, key, fingerprint, job_id, created_at)"
            " VALUES (%s, %s, %s, %s, now())",
            [key["team_id"], request.headers.get("idempotency-key") or job_id.hex, fingerprint, job_id],
        )
    assert job is not None
    return JSONResponse(as_json(job, str(request.base_url)), status_code=202)


def _image(text: str) -> tuple[bytes, tuple[int, int]]:
    image = decode_image(base64.b64decode(text, validate=True))
    image.thumbnail((2048, 2048))
    return encode_png(image), image.size


def _store(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def as_json(job: dict[str, Any], base: str) -> dict[str, Any]:
    identifier = public_id("vid", job["id"])
    same = (
        *("model", "prompt", "negative_prompt", "resolution", "num_frames", "fps", "steps", "guidance_scale", "seed"),
        *("output_format", "attempt", "warnings", "metadata"),
    )
    moments = {"created_at": "created_at", "started_at": "started_at", "completed_at": "finished_at"}
    return {
        "id": identifier,
        "object": "video",
        "status": job["state"],
        "progress": 100
        if job["state"] == "completed"
        else 100 * job["steps_done"] // (job["steps"] or job["num_frames"]),
        **{name: job[name] for name in same},
        **{name: job[column] and int(job[column].timestamp()) for name, column in moments.items()},
        "preset": job["preset"] or None,
        "size": f"{job['width']}x{job['height']}",
        "seconds": f"{job['num_frames'] / job['fps']:g}",
        "priority": ("low", "normal", "high")[job["priority"]],
        "expires_at": job["expires_at"] and int(job["expires_at"].timestamp()),
        "queue": None,
        "usage": {
            "credits_reserved": job["quoted_credits"],
            "credits_charged": job["charged_credits"],
            "gpu_seconds": job["gpu_seconds"],
        },
        "error": {"code": job["error_code"], "message": job["error_message"]} if job["error_code"] else None,
        "urls": {name: f"{base}v1/videos/{identifier}{end}" for name, end in _ENDS.items()},
    }


_ENDS = {"self": "", "content": "/content", "cancel": "/cancel", "events": "/events"}
