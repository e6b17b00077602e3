"""Maintenance tasks: what may run (`registry`), how RQ stores it (`job`), and where it waits (`queues`).

A task says "do what is due" and finds its work in PostgreSQL. Losing its entry in Redis only delays it.
"""
