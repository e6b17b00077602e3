import os

from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key=os.environ["MUTOSCOPE_API_KEY"])

with open("photo.jpg", "rb") as photo:
    video = client.videos.create_and_poll(
        model="camera",
        prompt="The camera zooms in slowly",
        input_reference=photo,
        seconds="2",
        size="512x512",
    )
if video.status != "completed":
    raise SystemExit(f"No video: {video.status} {video.error}")
client.videos.download_content(video.id).write_to_file("video.mp4")
