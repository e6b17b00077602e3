"""Where pictures, videos and static files lie."""

from portal.settings.base import ASSETS, VAR_DIR, env

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Where pictures and videos lie; web and workers have to share it.
        "OPTIONS": {"location": env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")), "allow_overwrite": True},
    },
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
# Pictures and videos lie in this bucket instead of MEDIA_ROOT: no disk is shared then. Needs the extra `s3`.
if MEDIA_S3_BUCKET := env.str("MEDIA_S3_BUCKET", default=""):
    STORAGES["default"] = {
        "BACKEND": "common.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            # Where the server is; empty for Amazon's own.
            "endpoint_url": env.str("MEDIA_S3_ENDPOINT", default="") or None,
            # Where clients reach the bucket, as https://s3.example.com: downloads are then answered with redirects
            # to addresses that the storage itself checks. Empty: all bytes go through the site.
            "public_endpoint": env.str("MEDIA_S3_PUBLIC_ENDPOINT", default="") or None,
            # Needed by Amazon; other servers take any.
            "region_name": env.str("MEDIA_S3_REGION", default="us-east-1"),
            # Who reads, writes, lists and deletes in the bucket; empty takes what the machine's role gives.
            "access_key": env.str("MEDIA_S3_ACCESS_KEY", default="") or None,
            # The other half of it. Keep it secret.
            "secret_key": env.str("MEDIA_S3_SECRET_KEY", default="") or None,
        },
    }
STATIC_URL = "/static/"
# Where collectstatic puts style sheets and scripts, and the web processes find them.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
STATICFILES_DIRS = [ASSETS / "static"]
# Names with a content hash never change what they stand for.
STATIC_SERVER = {
    "root": STATIC_ROOT,
    "prefix": STATIC_URL,
    "immutable_file_test": r"\.[0-9a-f]{12}\.",
    "allow_all_origins": False,
    # It answers around Django, whose SecurityMiddleware says the same for pages.
    "add_headers_function": lambda headers, _path, _url: headers.add_header("X-Content-Type-Options", "nosniff"),
}
