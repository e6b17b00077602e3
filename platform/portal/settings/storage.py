"""Storage of images, videos and static files."""

from portal.settings.base import ASSETS, VAR_DIR, env

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Folder of images and videos. Web processes and workers must share it.
        "OPTIONS": {"location": env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")), "allow_overwrite": True},
    },
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
# Bucket for images and videos, instead of MEDIA_ROOT; no shared disk is needed then. Requires the extra `s3`.
if MEDIA_S3_BUCKET := env.str("MEDIA_S3_BUCKET", default=""):
    STORAGES["default"] = {
        "BACKEND": "common.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            # URL of the S3 server. Empty: Amazon S3.
            "endpoint_url": env.http_url("MEDIA_S3_ENDPOINT", default="") or None,
            # URL by which clients reach the bucket, as https://s3.example.com. Downloads are then redirected to signed
            # URLs of the bucket. Empty: the site sends all files itself.
            "public_endpoint": env.http_url("MEDIA_S3_PUBLIC_ENDPOINT", default="") or None,
            # Region of the bucket. Amazon S3 requires it; other servers accept any value.
            "region_name": env.str("MEDIA_S3_REGION", default="us-east-1"),
            # Access key with permission to read, write, list and delete. Empty: the role of the machine.
            "access_key": env.str("MEDIA_S3_ACCESS_KEY", default="") or None,
            # Secret key that belongs to the access key. Keep it secret.
            "secret_key": env.str("MEDIA_S3_SECRET_KEY", default="") or None,
        },
    }
STATIC_URL = "/static/"
# Folder that collectstatic copies style sheets and scripts to, and that web processes serve them from.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
STATICFILES_DIRS = [ASSETS / "static"]
# The content of files with a hash in their name never changes.
STATIC_SERVER = {
    "root": STATIC_ROOT,
    "prefix": STATIC_URL,
    "immutable_file_test": r"\.[0-9a-f]{12}\.",
    "allow_all_origins": False,
    # Static files bypass Django, whose SecurityMiddleware adds this header to pages.
    "add_headers_function": lambda headers, _path, _url: headers.add_header("X-Content-Type-Options", "nosniff"),
}
