import os

import requests
from rq import Retry

BASE_URL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"


def make_video(item, image, prompt):
    """Make and save the video of one item. Running this job again does not create another video."""
    with open(image, "rb") as photo:
        response = http.post(
            f"{BASE_URL}/v1/videos",
            files={"image": photo},
            data={"prompt": prompt, "preset": "batch", "resolution": "256p"},
            headers={"Idempotency-Key": f"autumn-{item}"},
            timeout=60,
        )
    if response.status_code in {429, 503}:  # a rate limit, a full queue or an outage: Retry-After says how long to wait
        return Retry(max=100, interval=int(response.headers.get("Retry-After", 10)))
    response.raise_for_status()
    video = response.json()
    while video["status"] in {"queued", "in_progress"}:
        response = http.get(video["urls"]["self"], params={"wait": 30}, timeout=60)
        response.raise_for_status()
        video = response.json()
    if video["status"] != "completed":
        raise RuntimeError(f"{item}: {video['error']}")
    download = http.get(video["urls"]["content"], timeout=60)
    download.raise_for_status()
    with open(f"{item}.mp4", "wb") as file:
        file.write(download.content)
