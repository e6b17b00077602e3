import os

import requests
from rq import Retry

PORTAL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"


def make_video(item, picture, prompt):
    """Makes and saves the video of one item. However often it runs, the portal makes one."""
    with open(picture, "rb") as photo:
        answer = http.post(
            f"{PORTAL}/v1/videos",
            files={"image": photo},
            data={"prompt": prompt, "preset": "batch", "resolution": "256p"},
            headers={"Idempotency-Key": f"autumn-{item}"},
            timeout=60,
        )
    if answer.status_code in {429, 503}:  # a limit or a full queue: the portal says how long to wait
        return Retry(max=100, interval=int(answer.headers.get("Retry-After", 10)))
    answer.raise_for_status()
    video = answer.json()
    while video["status"] in {"queued", "in_progress"}:
        answer = http.get(video["urls"]["self"], params={"wait": 30}, timeout=60)
        answer.raise_for_status()
        video = answer.json()
    if video["status"] != "completed":
        raise RuntimeError(f"{item}: {video['error']}")
    film = http.get(video["urls"]["content"], timeout=60)
    film.raise_for_status()
    with open(f"{item}.mp4", "wb") as file:
        file.write(film.content)
