import json
import os
import time

import requests

PORTAL = "http://localhost:8000"
http = requests.Session()
http.headers["Authorization"] = f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"

# 1. A line for each request; the photo goes along once.
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

# 2. Send it; again under the same key while some were not taken yet. Another batch needs another key.
while True:
    with open("photo.jpg", "rb") as photo:
        answer = http.post(
            f"{PORTAL}/v1/batches",
            files={"requests": ("requests.jsonl", lines), "photo": photo},
            data={"name": "Summer"},
            headers={"Idempotency-Key": "summer-1"},
            timeout=60,
        )
    answer.raise_for_status()
    batch = answer.json()
    if batch["counts"]["pending"] == 0:
        break
for item in batch["items"]:
    if item["error"]:
        print(item["custom_id"], item["error"]["message"])

# 3. Wait until all have ended, then fetch the films.
while batch["status"] == "in_progress":
    time.sleep(5)
    answer = http.get(batch["urls"]["self"], timeout=60)
    answer.raise_for_status()
    batch = answer.json()
    print(batch["status"], batch["counts"])
with http.get(batch["urls"]["results"], stream=True, timeout=60) as films, open("batch.zip", "wb") as file:
    films.raise_for_status()
    file.writelines(films.iter_content(1 << 20))
