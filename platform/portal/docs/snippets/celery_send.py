from celery_tasks import submit

for number in range(3):
    submit.delay(f"item-{number}", "photo.jpg", f"The camera zooms in slowly, take {number}")
