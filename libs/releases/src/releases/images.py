"""The image a release is pinned to: the one it was judged with."""

import re

from platform_core.errors import ConfigurationError, ReleaseNotFound
from platform_core.ports.blob_store import BlobStore
from scoring import load_lineage

_PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


class PinnedImages:
    """Reads images from the lineage in `store`.

    Only images of the repository that `serving_image` names are taken: whoever can write a
    lineage may not choose what runs.
    """

    def __init__(self, store: BlobStore, serving_image: str) -> None:
        self._store = store
        self._repository = repository(serving_image)

    def __call__(self, use_case: str, release_id: str) -> str | None:
        """Return the image with its digest, `None` when the release is pinned to none.

        Raises:
            ConfigurationError: it is pinned to an image of another repository.
        """
        try:
            image = load_lineage(self._store, use_case, release_id).serving_image
        except ReleaseNotFound:
            return None  # the runtime says what is wrong with it
        if image is None:
            return None
        if not pinned(image) or repository(image) != self._repository:
            raise ConfigurationError(
                f"release {release_id:.12} of {use_case} is pinned to the image {image!r:.300}, "
                f"which is none of {self._repository} with a digest: set SERVING_IMAGE to an image "
                "of the repository that releases are judged with"
            )
        return image


def pinned(image: str) -> str | None:
    """Return an image that is named by its digest, `None` for any other."""
    return image if _PINNED.fullmatch(image) else None


def repository(image: str) -> str:
    """Return the name of an image without tag and digest."""
    name, _, _ = image.partition("@")
    path, colon, last = name.rpartition(":")
    return path if colon and "/" not in last else name
