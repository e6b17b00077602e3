"""Limits of plans in pixels and seconds, which mean the same for every model, in place of those of I2VGen-XL.

Former limits are converted: the pixels of the square, and the frames at 8 per second, the default rate of the models at
that time. Limits of steps are dropped; the price and the GPU seconds per month bound the work.
"""

from django.db import migrations, models

_FORMER_FPS = 8
_MAX_SMALLINT = 32767
_TABLES = ("quota_plan", "quota_planoverride")

_TO_PIXELS_AND_SECONDS = [
    f"""
UPDATE {table} SET max_pixels = max_resolution::integer * max_resolution, max_seconds = max_frames / {_FORMER_FPS}.0
WHERE max_resolution IS NOT NULL OR max_frames IS NOT NULL
"""  # noqa: S608 (the names of this module)
    for table in _TABLES
]
_TO_RESOLUTION_AND_FRAMES = [
    f"""
UPDATE {table} SET
    max_resolution = CASE WHEN max_pixels IS NOT NULL THEN LEAST(floor(sqrt(max_pixels)), {_MAX_SMALLINT}) END,
    max_frames = CASE WHEN max_seconds IS NOT NULL THEN LEAST(floor(max_seconds * {_FORMER_FPS}), {_MAX_SMALLINT}) END
WHERE max_pixels IS NOT NULL OR max_seconds IS NOT NULL
"""  # noqa: S608 (the names of this module)
    for table in _TABLES
]


class Migration(migrations.Migration):
    dependencies = [("quota", "0009_last_job_id")]

    operations = [
        migrations.AddField(
            "plan",
            "max_pixels",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="maximum pixels"),
        ),
        migrations.AddField(
            "plan",
            "max_seconds",
            models.FloatField(blank=True, null=True, verbose_name="maximum length (seconds)"),
        ),
        migrations.AddField(
            "planoverride",
            "max_pixels",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="maximum pixels"),
        ),
        migrations.AddField(
            "planoverride",
            "max_seconds",
            models.FloatField(blank=True, null=True, verbose_name="maximum length (seconds)"),
        ),
        migrations.RunSQL(_TO_PIXELS_AND_SECONDS, _TO_RESOLUTION_AND_FRAMES),
        migrations.RemoveField("plan", "max_resolution"),
        migrations.RemoveField("plan", "max_frames"),
        migrations.RemoveField("plan", "max_steps"),
        migrations.RemoveField("planoverride", "max_resolution"),
        migrations.RemoveField("planoverride", "max_frames"),
        migrations.RemoveField("planoverride", "max_steps"),
    ]
