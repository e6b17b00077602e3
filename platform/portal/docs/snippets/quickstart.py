import os
import uuid

import requests

BASE_URL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"

# 1. Submit an image and a prompt. The response is immediate and contains the id of the video.
with open("photo.jpg", "rb") as photo:
    response = http.post(
        f"{BASE_URL}/v1/videos",
        files={"image": photo},
        data={"prompt": "The camera zooms in slowly", "preset": "fast"},
        headers={"Idempotency-Key": str(uuid.uuid4())},
        timeout=60,
    )
response.raise_for_status()
video = response.json()
print(video["id"])

# 2. Wait. The server delays each response for up to 30 seconds, until the status changes.
while video["status"] in {"queued", "in_progress"}:
    response = http.get(f"{BASE_URL}/v1/videos/{video['id']}", params={"wait": 30}, timeout=60)
    response.raise_for_status()
    video = response.json()
    print(video["status"], f"{video['progress']} %")

# 3. Download the video, or print why it was not made.
if video["status"] != "completed":
    raise SystemExit(f"No video: {video['error']}")
download = http.get(f"{BASE_URL}/v1/videos/{video['id']}/content", timeout=60)
download.raise_for_status()
with open("video.mp4", "wb") as file:
    file.write(download.content)
