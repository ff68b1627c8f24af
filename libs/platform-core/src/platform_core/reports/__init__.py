"""Reports in partitions by use case, environment, date and hour: read one hour or the newest."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.quality_report import QualityReport
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import is_date_between, is_partition

Document = TypeVar("Document", bound=BaseModel)
WindowDocument = TypeVar("WindowDocument", bound=DriftReport | QualityReport)
KEPT_DOCUMENTS = 500
"""How many parsed documents a reader keeps."""


class ReportReader:
    """Reads JSON documents of a store; one is parsed again only when its object has changed."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store
        self._document = lru_cache(maxsize=KEPT_DOCUMENTS)(self._read)

    def below(self, folder: str, kind: type[Document]) -> list[Document]:
        """Return the documents below `folder`; one that is removed meanwhile is left out.

        Raises:
            InvalidData: a document is not readable.
        """
        documents = []
        for blob in self.store.list(folder):
            if blob.path.endswith(".json"):
                with suppress(BlobNotFound):
                    documents.append(self._document(blob.path, blob.etag, kind))
        return documents

    def _read(self, path: str, _etag: str, kind: type[Any]) -> Any:
        try:
            return kind.model_validate_json(self.store.read(path))
        except ValidationError as error:
            raise InvalidData(
                f"the report {path} is not readable ({error.error_count()} errors); "
                "remove it and measure its window again"
            ) from error


def read_documents(store: BlobStore, folder: str, kind: type[Document]) -> list[Document]:
    """Return the JSON documents below `folder`, as `ReportReader.below` does."""
    return ReportReader(store).below(folder, kind)


def newest_reports(
    reader: ReportReader, container: str, kind: type[Document]
) -> Iterator[Document]:
    """Yield the reports of the newest hour that has some, of each use case and environment.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    for use_case in _partitions(reader.store, container, "use_case"):
        for environment in _partitions(reader.store, use_case, "environment"):
            yield from _newest_hour(reader, environment, kind)


def past_reports(
    reader: ReportReader, folder: str, kind: type[WindowDocument], start: datetime, end: datetime
) -> Iterator[WindowDocument]:
    """Yield the reports below `folder` (of `reports_folder`) that are in the partitions of the
    days from `start` to `end`, newest first by the end of their windows and by id. Nothing is read
    before it is needed.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    for date in reversed(_partitions(reader.store, folder, "date")):
        if is_date_between(date, start, end):
            for hour in reversed(_partitions(reader.store, date, "hour")):
                found = reader.below(hour, kind)
                yield from sorted(found, key=lambda one: (one.end, one.report_id), reverse=True)


def _newest_hour(reader: ReportReader, folder: str, kind: type[Document]) -> list[Document]:
    for date in reversed(_partitions(reader.store, folder, "date")):
        for hour in reversed(_partitions(reader.store, date, "hour")):
            reports = reader.below(hour, kind)
            if reports:
                return reports
    return []


def _partitions(store: BlobStore, folder: str, key: str) -> list[str]:
    return [found for found in store.folders(folder) if is_partition(found, key)]
