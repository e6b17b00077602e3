import os

import httpx
from replicate.client import Client

client = Client(base_url="http://localhost:8000/replicate", api_token=os.environ["MUTOSCOPE_API_KEY"])

with open("photo.jpg", "rb") as photo:
    output = client.run(
        "mutoscope/camera",
        input={"image": photo, "prompt": "The camera zooms in slowly", "num_frames": 16, "fps": 8},
    )
# Over HTTPS the output is a FileOutput with read(); over plain HTTP it is only a URL.
with open("video.mp4", "wb") as file:
    file.write(httpx.get(str(output)).content)
