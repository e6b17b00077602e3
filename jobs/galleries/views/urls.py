"""URLs of the gallery's pages, for members and for people without an account."""

from django.urls import path

from jobs.galleries.views import collections, gallery, public_gallery, publication, share_link_public, share_links

urlpatterns = [
    path("gallery", gallery.gallery, name="gallery"),
    path("gallery/collections", collections.collections, name="collections"),
    path("gallery/collections/new", collections.new, name="new_collection"),
    path("gallery/collections/<str:collection_id>/edit", collections.edit, name="edit_collection"),
    path("gallery/collections/<str:collection_id>/delete", collections.delete, name="delete_collection"),
    path("gallery/sharing", share_links.sharing, name="sharing"),
    path("gallery/sharing/public-page", share_links.public_page, name="public_page"),
    path("gallery/share/<str:target_id>", share_links.share, name="share"),
    path("gallery/links/<str:link_id>/revoke", share_links.revoke, name="revoke_link"),
    path("gallery/publish/<str:video_id>", publication.publish, name="publish_video"),
    path("gallery/<str:publication_id>", publication.publication, name="publication"),
    path("gallery/<str:publication_id>/edit", publication.edit, name="edit_publication"),
    path("gallery/<str:publication_id>/unpublish", publication.unpublish, name="unpublish"),
    path("gallery/<str:publication_id>/favourite", publication.favourite, name="favourite"),
    path("gallery/<str:publication_id>/collections", publication.collect, name="collect"),
    path("s/<str:token>", share_link_public.shared, name="shared"),
    path("s/<str:token>/<str:video_id>", share_link_public.shared_video, name="shared_video"),
    path("s/<str:token>/<str:video_id>/content", share_link_public.shared_content, name="shared_content"),
    path("g/<slug:slug>", public_gallery.public_gallery, name="public_gallery"),
    path("g/<slug:slug>/<str:video_id>", public_gallery.public_video, name="public_video"),
    path("g/<slug:slug>/<str:video_id>/content", public_gallery.public_content, name="public_content"),
]
