"""What services said in English, on a page."""

from django import template

from jobs.videos.views.words import translated

register = template.Library()
register.filter("translated", translated)
