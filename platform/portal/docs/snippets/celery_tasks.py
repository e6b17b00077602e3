import os

import requests
from celery import Celery

PORTAL = "http://localhost:8000"
app = Celery("videos", broker=os.environ["BROKER_URL"])
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"


@app.task(bind=True, max_retries=None, acks_late=True)
def submit(self, item, picture, prompt):
    """Asks for the video of one item. However often it runs, the portal makes one."""
    with open(picture, "rb") as photo:
        answer = http.post(
            f"{PORTAL}/v1/videos",
            files={"image": photo},
            data={"prompt": prompt, "preset": "batch", "resolution": "256p"},
            headers={"Idempotency-Key": f"spring-{item}"},
            timeout=60,
        )
    if answer.status_code in {429, 503}:  # a limit or a full queue: the portal says how long to wait
        raise self.retry(countdown=int(answer.headers.get("Retry-After", 10)))
    answer.raise_for_status()
    fetch.delay(item, answer.json()["id"])


@app.task(bind=True, max_retries=None, acks_late=True)
def fetch(self, item, video_id):
    """Saves the film once it is there. Between two looks no worker waits."""
    answer = http.get(f"{PORTAL}/v1/videos/{video_id}", timeout=60)
    if answer.status_code in {429, 503}:
        raise self.retry(countdown=int(answer.headers.get("Retry-After", 10)))
    answer.raise_for_status()
    video = answer.json()
    if video["status"] in {"queued", "in_progress"}:
        raise self.retry(countdown=5)
    if video["status"] != "completed":
        raise RuntimeError(f"{item}: {video['error']}")
    film = http.get(video["urls"]["content"], timeout=60)
    film.raise_for_status()
    with open(f"{item}.mp4", "wb") as file:
        file.write(film.content)
