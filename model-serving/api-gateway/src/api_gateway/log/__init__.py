"""The inference log: spool on disk, segments, upload."""
