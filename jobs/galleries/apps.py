from django.apps import AppConfig


class GalleriesConfig(AppConfig):
    """A team's published videos: captions, tags, collections, favourites, links to share and a public page."""

    name = "jobs.galleries"
    label = "galleries"
