import os
import uuid

import requests

http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"
with open("photo.jpg", "rb") as photo:
    response = http.post(
        "http://localhost:8000/v1/videos",
        files={"image": photo},
        data={"prompt": "The camera zooms in slowly", "preset": "fast"},
        headers={"Idempotency-Key": str(uuid.uuid4())},
        timeout=60,
    )
response.raise_for_status()
video = response.json()
while video["status"] in {"queued", "in_progress"}:
    video = http.get(video["urls"]["self"], params={"wait": 30}, timeout=60).json()
if video["status"] == "completed":
    with open("video.mp4", "wb") as file:
        file.write(http.get(video["urls"]["content"], timeout=60).content)
