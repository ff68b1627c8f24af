"""Reports in partitions by use case, environment, date and hour: read one hour or the newest."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import is_date_between, is_partition

Document = TypeVar("Document", bound=BaseModel)


def read_documents(store: BlobStore, folder: str, kind: type[Document]) -> list[Document]:
    """Return the JSON documents below `folder`; one that is removed meanwhile is left out.

    Raises:
        InvalidData: a document is not readable.
    """
    documents = []
    for blob in store.list(folder):
        if blob.path.endswith(".json"):
            try:
                documents.append(kind.model_validate_json(store.read(blob.path)))
            except BlobNotFound:
                continue
            except ValidationError as error:
                raise InvalidData(
                    f"the report {blob.path} is not readable ({error.error_count()} errors); "
                    "remove it and measure its window again"
                ) from error
    return documents


def newest_reports(store: BlobStore, container: str, kind: type[Document]) -> Iterator[Document]:
    """Yield the reports of the newest hour that has some, of each use case and environment.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    for use_case in _partitions(store, container, "use_case"):
        for environment in _partitions(store, use_case, "environment"):
            yield from _newest_hour(store, environment, kind)


def past_reports(
    store: BlobStore, folder: str, kind: type[Document], start: datetime, end: datetime
) -> Iterator[Document]:
    """Yield the reports below `folder` (of `reports_folder`) that are in the partitions of the
    hours from `start` to `end`, hour by hour from the newest.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    for date in reversed(_partitions(store, folder, "date")):
        if is_date_between(date, start, end):
            for hour in reversed(_partitions(store, date, "hour")):
                yield from read_documents(store, hour, kind)


def _newest_hour(store: BlobStore, folder: str, kind: type[Document]) -> list[Document]:
    for date in reversed(_partitions(store, folder, "date")):
        for hour in reversed(_partitions(store, date, "hour")):
            reports = read_documents(store, hour, kind)
            if reports:
                return reports
    return []


def _partitions(store: BlobStore, folder: str, key: str) -> list[str]:
    return [found for found in store.folders(folder) if is_partition(found, key)]
