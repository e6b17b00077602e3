"""What is told of a job while it is made: status, progress and previews, as events.

Postgres is the truth. Redis carries the same news faster, and previews, which nobody misses; all of it may be lost.
"""
