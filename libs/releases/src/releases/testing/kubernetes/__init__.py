"""A Kubernetes API server for tests: objects with versions, server-side apply, watches.

It keeps to what a client can tell apart: optimistic locks, managed fields and their conflicts,
`Status` answers, generations, the status subresource, watches that expire, bookmarks, roles.
"""

from releases.testing.kubernetes.controller import KServeController
from releases.testing.kubernetes.server import ApiServer
from releases.testing.kubernetes.store import Failure, ObjectStore

__all__ = ["ApiServer", "Failure", "KServeController", "ObjectStore"]
