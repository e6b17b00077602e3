"""Request bodies, Django REST framework, OpenAPI description."""

from portal.settings.base import EMBEDDED, SITE_URL, env

# MAX_BODY_BYTES: maximum size of a request body. The default fits a 25 megapixel PNG in base64.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=48_000_000)
# Maximum size of all bodies that cannot contain an image: forms of pages, and JSON of settings.
MAX_BODY_BYTES_WITHOUT_IMAGE = 1_000_000
# Maximum size of a batch that is sent as JSON Lines, which is read from disk line by line.
MAX_BATCH_BODY_BYTES = env.int("MAX_BATCH_BODY_BYTES", default=256_000_000)
# Maximum time to receive the headers of a request.
REQUEST_HEADER_TIMEOUT_SECONDS = env.float("REQUEST_HEADER_TIMEOUT_SECONDS", default=20)
# Maximum time to receive a body of MAX_BODY_BYTES; larger bodies get proportionally more. `live` buffers it on disk.
REQUEST_BODY_TIMEOUT_SECONDS = env.float("REQUEST_BODY_TIMEOUT_SECONDS", default=120)
# Maximum time for a client to accept 64 kB of a response of `live`; slower clients are disconnected. A proxy in front
# has a limit of its own.
RESPONSE_WRITE_TIMEOUT_SECONDS = env.float("RESPONSE_WRITE_TIMEOUT_SECONDS", default=60)
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
if EMBEDDED:
    # On a shared machine only the owner may read the files. In production, containers with different users share them.
    FILE_UPLOAD_PERMISSIONS = 0o600
    FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
# A batch and the images that its requests share.
DATA_UPLOAD_MAX_NUMBER_FILES = 21

# API_ORIGINS: origins, separated by commas, whose pages may call the API with a key, such as https://app.example.com.
CORS_ALLOWED_ORIGINS = env.list("API_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(v1|generate|replicate|fal)(/|$)"
CORS_ALLOW_HEADERS = [
    # All others: SDKs invent headers. The wildcard does not include Authorization, and some proxies do not know it.
    "*",
    *("authorization", "x-api-key", "content-type", "accept", "user-agent"),
    *("idempotency-key", "cancel-after", "prefer", "x-request-id", "last-event-id", "range", "if-none-match"),
    *("openai-organization", "openai-project"),
    *(
        f"x-stainless-{name}"
        for name in (
            *("arch", "custom-poll-interval", "helper-method", "lang", "os", "package-version", "poll-helper"),
            *("retry-count", "runtime", "runtime-version", "timeout"),
        )
    ),
    *("x-fal-object-lifecycle", "x-fal-object-lifecycle-preference", "x-fal-queue-priority"),
    *("x-fal-request-timeout", "x-fal-runner-hint", "x-fal-target-url"),
]
CORS_EXPOSE_HEADERS = [
    *("location", "retry-after", "ratelimit", "ratelimit-policy", "etag", "x-request-id", "x-should-retry"),
    *("openai-poll-after-ms", "x-fal-request-id", "x-fal-request-timeout-type"),
    *("accept-ranges", "content-disposition", "content-length", "content-range", "x-spritesheet"),
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.api.authentication.ApiKeyAuthentication",
        "jobs.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["jobs.api.permissions.HasScope"],
    # Views that accept an image add a parser for multipart forms.
    "DEFAULT_PARSER_CLASSES": ["jobs.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Every response is JSON; `?format=` is an ordinary query parameter.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "jobs.api.errors.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mutoscope",
    "DESCRIPTION": "Make a short video from an image and a text prompt.",
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
    # Fixed names for enums that occur in several schemas, such as `"object": "list"`.
    "ENUM_NAME_OVERRIDES": {
        "ListObjectEnum": ["list"],
        "VideoObjectEnum": ["video"],
        "BatchObjectEnum": ["batch"],
        "QuotaNameEnum": "jobs.videos.api.limits.QUOTA_NAMES",
        "WebhookEventEnum": "jobs.webhooks.serializers.EVENTS",
        "SubscribableEventEnum": "jobs.webhooks.serializers.SUBSCRIBABLE_EVENTS",
        "VideoStatusEnum": ["queued", "in_progress", "completed", "failed", "canceled", "expired"],
        "BatchStatusEnum": ["in_progress", "completed", "canceled"],
    },
}
