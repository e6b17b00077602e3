import json
import os
import time

import requests

BASE_URL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"

# 1. Write one line per request. The photo is sent once and shared by all requests.
lines = "\n".join(
    json.dumps(
        {
            "custom_id": f"take-{number}",
            "image_name": "photo",
            "prompt": f"The camera zooms in slowly, take {number}",
            "preset": "batch",
            "resolution": "256p",
        }
    )
    for number in range(3)
)

# 2. Submit the batch. Repeat with the same Idempotency-Key while requests are pending. Another batch needs another key.
while True:
    with open("photo.jpg", "rb") as photo:
        response = http.post(
            f"{BASE_URL}/v1/batches",
            files={"requests": ("requests.jsonl", lines), "photo": photo},
            data={"name": "Summer"},
            headers={"Idempotency-Key": "summer-1"},
            timeout=60,
        )
    response.raise_for_status()
    batch = response.json()
    if batch["counts"]["pending"] == 0:
        break
for item in batch["items"]:
    if item["error"]:
        print(item["custom_id"], item["error"]["message"])

# 3. Wait until all videos have finished, then download them.
while batch["status"] == "in_progress":
    time.sleep(5)
    response = http.get(batch["urls"]["self"], timeout=60)
    response.raise_for_status()
    batch = response.json()
    print(batch["status"], batch["counts"])
with http.get(batch["urls"]["results"], stream=True, timeout=60) as archive, open("batch.zip", "wb") as file:
    archive.raise_for_status()
    file.writelines(archive.iter_content(1 << 20))
