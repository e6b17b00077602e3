import os

import httpx
from replicate.client import Client

client = Client(base_url="http://localhost:8000/replicate", api_token=os.environ["MUTOSCOPE_API_KEY"])

with open("photo.jpg", "rb") as photo:
    film = client.run(
        "mutoscope/camera",
        input={"image": photo, "prompt": "The camera zooms in slowly", "num_frames": 16, "fps": 8},
    )
# Over https it is the SDK's FileOutput, with film.read(); over plain http its address alone.
with open("video.mp4", "wb") as file:
    file.write(httpx.get(str(film)).content)
