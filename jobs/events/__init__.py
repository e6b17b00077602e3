"""Events of jobs: status, progress and previews, streamed to clients while a video is generated.

Postgres is the source of truth. Redis carries the same events faster, and previews in addition. All data in Redis may
be lost.
"""
