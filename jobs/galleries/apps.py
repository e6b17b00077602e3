from django.apps import AppConfig


class GalleriesConfig(AppConfig):
    """A team's published videos: captions, tags, collections, favourites, share links and a public page."""

    name = "jobs.galleries"
    label = "galleries"
