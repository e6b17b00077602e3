import os
import uuid

import requests

PORTAL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"

# 1. Send the picture and the sentence. The answer comes at once and holds the video's id.
with open("photo.jpg", "rb") as photo:
    answer = http.post(
        f"{PORTAL}/v1/videos",
        files={"image": photo},
        data={"prompt": "The camera zooms in slowly", "preset": "fast"},
        headers={"Idempotency-Key": str(uuid.uuid4())},
        timeout=60,
    )
answer.raise_for_status()
video = answer.json()
print(video["id"])

# 2. Wait. The server holds each answer back for up to 30 seconds until something changes.
while video["status"] in {"queued", "in_progress"}:
    answer = http.get(f"{PORTAL}/v1/videos/{video['id']}", params={"wait": 30}, timeout=60)
    answer.raise_for_status()
    video = answer.json()
    print(video["status"], f"{video['progress']} %")

# 3. Fetch the film, or say why there is none.
if video["status"] != "completed":
    raise SystemExit(f"No video: {video['error']}")
film = http.get(f"{PORTAL}/v1/videos/{video['id']}/content", timeout=60)
film.raise_for_status()
with open("video.mp4", "wb") as file:
    file.write(film.content)
