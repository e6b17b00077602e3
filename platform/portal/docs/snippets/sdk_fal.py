import fal_client
import httpx

result = fal_client.subscribe(
    "mutoscope/camera",
    arguments={
        "image_url": fal_client.encode_file("photo.jpg"),
        "prompt": "The camera zooms in slowly",
        "num_frames": 16,
    },
    with_logs=True,
    on_queue_update=print,
)
with open("video.mp4", "wb") as file:
    file.write(httpx.get(result["video"]["url"]).content)
