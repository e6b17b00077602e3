"""URLs of the gallery's API."""

from django.urls import path

from jobs.galleries.api.collections import CollectionItemView, CollectionsView, CollectionView
from jobs.galleries.api.gallery import FavouriteView, GalleryView, PublicationView
from jobs.galleries.api.share_links import ShareLinksView, ShareLinkView

app_name = "gallery_api"
_COLLECTION_ITEM_PATH = "v1/collections/<str:collection_id>/publications/<str:publication_id>"
urlpatterns = [
    path("v1/gallery", GalleryView.as_view(), name="gallery"),
    path("v1/gallery/<str:publication_id>", PublicationView.as_view(), name="publication"),
    path("v1/gallery/<str:publication_id>/favourite", FavouriteView.as_view(), name="favourite"),
    path("v1/collections", CollectionsView.as_view(), name="collections"),
    path("v1/collections/<str:collection_id>", CollectionView.as_view(), name="collection"),
    path(_COLLECTION_ITEM_PATH, CollectionItemView.as_view(), name="collected"),
    path("v1/share-links", ShareLinksView.as_view(), name="share-links"),
    path("v1/share-links/<str:link_id>", ShareLinkView.as_view(), name="share-link"),
]
