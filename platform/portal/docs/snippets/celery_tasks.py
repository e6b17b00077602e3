import os

import requests
from celery import Celery

BASE_URL = "http://localhost:8000"
app = Celery("videos", broker=os.environ["BROKER_URL"])
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"


@app.task(bind=True, max_retries=None, acks_late=True)
def submit(self, item, image, prompt):
    """Submit the video of one item. Running this task again does not create another video."""
    with open(image, "rb") as photo:
        response = http.post(
            f"{BASE_URL}/v1/videos",
            files={"image": photo},
            data={"prompt": prompt, "preset": "batch", "resolution": "256p"},
            headers={"Idempotency-Key": f"spring-{item}"},
            timeout=60,
        )
    if response.status_code in {429, 503}:  # a rate limit, a full queue or an outage: Retry-After says how long to wait
        raise self.retry(countdown=int(response.headers.get("Retry-After", 10)))
    response.raise_for_status()
    fetch.delay(item, response.json()["id"])


@app.task(bind=True, max_retries=None, acks_late=True)
def fetch(self, item, video_id):
    """Save the video when it is ready. No worker is blocked between two polls."""
    response = http.get(f"{BASE_URL}/v1/videos/{video_id}", timeout=60)
    if response.status_code in {429, 503}:
        raise self.retry(countdown=int(response.headers.get("Retry-After", 10)))
    response.raise_for_status()
    video = response.json()
    if video["status"] in {"queued", "in_progress"}:
        raise self.retry(countdown=5)
    if video["status"] != "completed":
        raise RuntimeError(f"{item}: {video['error']}")
    download = http.get(video["urls"]["content"], timeout=60)
    download.raise_for_status()
    with open(f"{item}.mp4", "wb") as file:
        file.write(download.content)
