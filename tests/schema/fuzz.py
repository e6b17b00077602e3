"""Runs hypothesis against a running portal: arbitrary bodies at every endpoint that accepts one."""

import json
import time
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed

from tests.schema.bodies import IMAGE, VIDEO_REQUEST, BodyCase, body_cases, response_problem
from tests.support.portal_process import Portal

_TIMEOUT_SECONDS = 120


def fuzz_bodies(portal: Portal, key: str, *, examples: int, seed: int) -> tuple[Counter[int], list[str]]:
    """Send `examples` requests. Return the statuses of the responses, and what was wrong with some."""
    statuses, wrong = Counter[int](), list[str]()
    base_url = f"http://localhost:{portal.port}"
    with httpx.Client(base_url=base_url, headers={"X-API-Key": key}, timeout=_TIMEOUT_SECONDS) as client:
        ids = _create_rows(client)

        @with_seed(seed)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(body_cases())
        def send(case: BodyCase) -> None:
            url, headers = case.url(ids), {**case.headers, "Content-Type": case.content_type}
            response = client.request(case.method, url, content=case.filled(ids), headers=headers)
            statuses[response.status_code] += 1
            found = response_problem(url, response.status_code, response.json())
            if found is not None:
                wrong.append(f"{case}: {found}")

        send()
    return statuses, wrong


def _create_rows(client: httpx.Client) -> dict[str, Any]:
    """Create rows for the parameters of URLs and return their ids by the parameter's name."""

    def create(path: str, body: dict[str, Any]) -> str:
        response = client.post(path, json=body).raise_for_status()
        return str(response.json()["id"])

    video = create("/v1/videos", VIDEO_REQUEST)
    _wait_for(client, video)
    webhook = create("/v1/webhooks", {"url": "https://receiver.invalid/hook"})
    file = {"content": ("f.png", IMAGE, "image/png")}
    return {
        "owner": "mutoscope",
        "name": "camera",
        "application": "mutoscope/camera",
        "video_id": video,
        "batch_id": create("/v1/batches", {"requests": [VIDEO_REQUEST]}),
        "webhook_id": webhook,
        "delivery_id": create(f"/v1/webhooks/{webhook}/ping", {}),
        "publication_id": create("/v1/gallery", {"video": video}),
        "collection_id": create("/v1/collections", {"name": f"fuzz {video}"}),
        "file_id": client.post("/replicate/v1/files", files=file).raise_for_status().json()["id"],
    }


def _wait_for(client: httpx.Client, video: str) -> None:
    give_up_at = time.monotonic() + _TIMEOUT_SECONDS
    while (found := client.get(f"/v1/videos/{video}").json())["status"] != "completed":
        if found["error"] or time.monotonic() > give_up_at:
            raise RuntimeError(f"the video was not generated: {json.dumps(found)}")
        time.sleep(0.2)
