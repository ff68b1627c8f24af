"""The container image that a release is pinned to: the one its gates ran with."""

import re

from platform_core.errors import ConfigurationError, ReleaseNotFound
from platform_core.ports.blob_store import BlobStore
from scoring import load_lineage

_PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


class PinnedImages:
    """Reads images from the lineages in `store`.

    Only images of the repository of `serving_image` are accepted: write access to a lineage must
    not decide which code runs.
    """

    def __init__(self, store: BlobStore, serving_image: str) -> None:
        self._store = store
        self._repository = repository(serving_image)

    def __call__(self, use_case: str, release_id: str) -> str | None:
        """Return the image with its digest, `None` if the release is not pinned.

        Raises:
            ConfigurationError: the release is pinned to an image of another repository.
        """
        try:
            image = load_lineage(self._store, use_case, release_id).serving_image
        except ReleaseNotFound:
            return None  # the runtime reports what is wrong with it
        if image is None:
            return None
        if not pinned_image(image) or repository(image) != self._repository:
            raise ConfigurationError(
                f"release {release_id:.12} of {use_case} is pinned to the image {image!r:.300}, "
                f"not to an image of {self._repository} with a digest; set SERVING_IMAGE to "
                "an image of the repository that trained the release"
            )
        return image


def pinned_image(image: str) -> str | None:
    """Return `image` if it is named by its digest, else `None`."""
    return image if _PINNED.fullmatch(image) else None


def repository(image: str) -> str:
    """Return the name of an image without tag and digest."""
    name, _, _ = image.partition("@")
    path, colon, last = name.rpartition(":")
    return path if colon and "/" not in last else name
