"""In which language a request is answered."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from portal.web.error_handlers import is_api


class LanguageMiddleware(LocaleMiddleware):
    """Pages speak the language of their reader. What programs are told is English, whatever they accept.

    Most of what the API says has no translation: with Django's and the framework's own sentences in another language
    one answer would be in two. Logs and /docs/errors quote the English.
    """

    def process_request(self, request: HttpRequest) -> None:
        if is_api(request):
            translation.activate(settings.LANGUAGE_CODE)  # else it would be that of the thread's last request
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if is_api(request) else super().process_response(request, response)
