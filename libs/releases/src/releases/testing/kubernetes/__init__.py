"""A Kubernetes API server for tests: objects with versions, server-side apply, watches.

It implements what a client can observe: optimistic locking, managed fields and their conflicts,
`Status` responses, generations, the status subresource, expiring watches, bookmarks, roles, and
what webhooks, quotas and Pod Security refuse.
"""

from releases.testing.kubernetes.controller import KServeController
from releases.testing.kubernetes.server import ApiServer
from releases.testing.kubernetes.store import ObjectStore, StatusError

__all__ = ["ApiServer", "KServeController", "ObjectStore", "StatusError"]
