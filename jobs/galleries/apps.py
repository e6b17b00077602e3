from django.apps import AppConfig

from accounts.signals import access_revoked, member_removal_preview


class GalleriesConfig(AppConfig):
    """A team's published videos: captions, tags, collections, favourites, share links and a public page."""

    name = "jobs.galleries"
    label = "galleries"

    def ready(self) -> None:
        from jobs.galleries.receivers import preview_revoked_links, revoke_links_of_member  # noqa: PLC0415 (models load first)

        access_revoked.connect(revoke_links_of_member)
        member_removal_preview.connect(preview_revoked_links)
