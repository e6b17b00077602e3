"""The site's one map of addresses; `web` and `live` processes share it."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
