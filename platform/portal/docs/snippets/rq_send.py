import os

from redis import Redis
from rq import Queue

queue = Queue("videos", connection=Redis.from_url(os.environ["BROKER_URL"]))
for number in range(3):
    queue.enqueue("rq_tasks.make_video", f"item-{number}", "photo.jpg", f"The camera zooms in, take {number}")
