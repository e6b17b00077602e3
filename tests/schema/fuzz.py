"""hypothesis against a running portal: bodies of any shape at every address that takes one."""

import json
import time
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed

from tests.schema.bodies import PICTURE, WISH, Call, calls, complaint
from tests.schema.run import Portal

_PATIENCE_SECONDS = 120


def fuzz_bodies(portal: Portal, key: str, *, examples: int, seed: int) -> tuple[Counter[int], list[str]]:
    """So many calls; the statuses of the answers, and what was wrong with some."""
    statuses, wrong = Counter[int](), list[str]()
    address = f"http://localhost:{portal.port}"
    with httpx.Client(base_url=address, headers={"X-API-Key": key}, timeout=_PATIENCE_SECONDS) as client:
        things = _things(client)

        @with_seed(seed)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(calls())
        def send(call: Call) -> None:
            where, headers = call.address(things), {**call.headers, "Content-Type": call.content_type}
            answer = client.request(call.method, where, content=call.filled(things), headers=headers)
            statuses[answer.status_code] += 1
            found = complaint(where, answer.status_code, answer.json())
            if found is not None:
                wrong.append(f"{call}: {found}")

        send()
    return statuses, wrong


def _things(client: httpx.Client) -> dict[str, Any]:
    """What stands in addresses, made for the purpose, by the parameter's name."""

    def made(path: str, body: dict[str, Any]) -> str:
        answer = client.post(path, json=body).raise_for_status()
        return str(answer.json()["id"])

    video = made("/v1/videos", WISH)
    _wait_for(client, video)
    webhook = made("/v1/webhooks", {"url": "https://receiver.invalid/hook"})
    file = {"content": ("f.png", PICTURE, "image/png")}
    return {
        "owner": "mutoscope",
        "name": "camera",
        "application": "mutoscope/camera",
        "video_id": video,
        "batch_id": made("/v1/batches", {"requests": [WISH]}),
        "webhook_id": webhook,
        "delivery_id": made(f"/v1/webhooks/{webhook}/ping", {}),
        "publication_id": made("/v1/gallery", {"video": video}),
        "collection_id": made("/v1/collections", {"name": f"fuzz {video}"}),
        "file_id": client.post("/replicate/v1/files", files=file).raise_for_status().json()["id"],
    }


def _wait_for(client: httpx.Client, video: str) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while (found := client.get(f"/v1/videos/{video}").json())["status"] != "completed":
        if found["error"] or time.monotonic() > give_up_at:
            raise RuntimeError(f"the video was not made: {json.dumps(found)}")
        time.sleep(0.2)
