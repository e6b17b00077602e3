"""The language of a response."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from portal.web.error_handlers import is_api


class LanguageMiddleware(LocaleMiddleware):
    """Pages are in the language of their reader; the API is in English, whatever Accept-Language says.

    Logs and /docs/errors quote the English texts of the API.
    """

    def process_request(self, request: HttpRequest) -> None:
        if is_api(request):
            translation.activate(settings.LANGUAGE_CODE)  # otherwise that of the thread's last request stays active
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if is_api(request) else super().process_response(request, response)
