import base64
import os

import requests

with open("photo.jpg", "rb") as photo:
    image = base64.b64encode(photo.read()).decode()
response = requests.post(
    "http://localhost:8000/generate",
    json={"image_base64": image, "prompt": "The camera zooms in slowly", "preset": "fast"},
    headers={"Authorization": f"Bearer {os.environ['MUTOSCOPE_API_KEY']}"},
    timeout=100,
)
result = response.json()
if result["status"] == "success":
    with open("video.mp4", "wb") as file:
        file.write(base64.b64decode(result["video_base64"]))
