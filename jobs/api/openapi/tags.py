"""The tags of the OpenAPI description, by path."""

TAGS = {
    "Videos": "Send an image and a prompt, follow the progress, download the file.",
    "Batches": "Many videos in one request. Each is an ordinary video with the same quotas.",
    "Generate": "The legacy endpoint, which waits and returns the video in the response. Use Videos in new programs.",
    "Models": "The available models and presets, their limits and prices.",
    "Usage": "Usage, limits and remaining amounts.",
    "Gallery": "The team's published videos, collections of them, and each member's favorites.",
    "Share links": "URLs that show a video or a collection to people without an account.",
    "Webhooks": "Receive a request when a video has finished, instead of polling.",
    "Replicate": "The same videos through Replicate's API, for its unmodified SDK.",
    "fal": "The same videos through fal's queue API, for its unmodified client.",
}
_TAG_BY_PATH_SEGMENT = {
    "videos": "Videos",
    "batches": "Batches",
    "generate": "Generate",
    "models": "Models",
    "presets": "Models",
    "usage": "Usage",
    "limits": "Usage",
    "gallery": "Gallery",
    "collections": "Gallery",
    "share-links": "Share links",
    "webhooks": "Webhooks",
    "replicate": "Replicate",
    "fal": "fal",
}


def tag_of(path: str) -> str:
    """Return the tag of a path, by its first segment after /v1."""
    segments = [segment for segment in path.split("/") if segment and segment != "v1"]
    return _TAG_BY_PATH_SEGMENT.get(segments[0] if segments else "", "Videos")
