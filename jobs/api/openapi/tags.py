"""The tags of the OpenAPI description, by path."""

TAGS = {
    "Videos": "Send a picture and a sentence, follow the work, fetch the file.",
    "Batches": "Many videos in one call, each an ordinary video under the same quotas.",
    "Generate": "The one-call endpoint: send, wait, get the video in the answer. New programs use videos.",
    "Models": "What can be asked for, within which limits, at what price.",
    "Usage": "What was used, what is allowed and what is left.",
    "Gallery": "The team's published videos, collections of them, and everybody's own favourites.",
    "Share links": "Addresses that show a video or a collection to people without an account.",
    "Webhooks": "Be told when a video has ended, instead of asking.",
    "Replicate": "The same videos in the words of Replicate's API, for its unmodified SDK.",
    "fal": "The same videos in the words of fal's queue API, for its unmodified client.",
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
    """The tag of an address: the dialects' first word, else the word after /v1."""
    words = [word for word in path.split("/") if word and word != "v1"]
    return _TAG_BY_PATH_SEGMENT.get(words[0] if words else "", "Videos")
