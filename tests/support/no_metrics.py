"""Metrics of an inference log in tests where nothing may be lost or fail."""


class NoMetrics:
    """Fails when anything is counted."""

    def count_unlogged(self, records: int) -> None:
        raise AssertionError(records)

    def count_upload_failure(self) -> None:
        raise AssertionError

    def count_damaged(self, records: int) -> None:
        raise AssertionError(records)
