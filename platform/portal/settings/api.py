"""Bodies of requests, Django REST framework, the description of the API."""

from portal.settings.base import EMBEDDED, SITE_URL, env

# MAX_BODY_BYTES: larger requests are refused. A 25 megapixel PNG in base64 fits.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=48_000_000)
# The same for a batch that comes as a file of JSON Lines, which is read from disk line by line.
MAX_BATCH_BODY_BYTES = env.int("MAX_BATCH_BODY_BYTES", default=256_000_000)
# Longest time for a body of MAX_BODY_BYTES to arrive, longer ones in proportion; `live` keeps it on its disk meanwhile.
REQUEST_BODY_TIMEOUT_SECONDS = env.float("REQUEST_BODY_TIMEOUT_SECONDS", default=120)
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
if EMBEDDED:
    # On a shared machine the files are the owner's alone. In production the containers that share them may have
    # different users.
    FILE_UPLOAD_PERMISSIONS = 0o600
    FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
# A batch with the pictures that its requests share.
DATA_UPLOAD_MAX_NUMBER_FILES = 21

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.api.authentication.ApiKeyAuthentication",
        "jobs.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["jobs.api.permissions.HasScope"],
    # Views that take a picture take it as a file, too.
    "DEFAULT_PARSER_CLASSES": ["jobs.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # All is JSON; `?format=` is a name in a query like any other.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "jobs.api.errors.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mutoscope",
    "DESCRIPTION": "Turns a still picture and a sentence into a short video.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SORT_OPERATIONS": "jobs.api.openapi.operation_sort_key",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SERVERS": [{"url": SITE_URL}],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "jobs.api.openapi.postprocess_schema"],
    # Every list says `"object": "list"`: one name for it in the description. The same for what several answers show.
    "ENUM_NAME_OVERRIDES": {
        "ListObjectEnum": ["list"],
        "VideoObjectEnum": ["video"],
        "BatchObjectEnum": ["batch"],
        "VideoStatusEnum": ["queued", "in_progress", "completed", "failed", "canceled", "expired"],
        "BatchStatusEnum": ["in_progress", "completed", "canceled"],
    },
}
