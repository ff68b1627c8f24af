"""Write every generated page of `docs/reference`; with `--check`, fail if one is out of date."""

import sys

import command_reference
import error_reference
import http_reference
import input_reference
import metrics_reference
import settings_reference
import storage_reference

SCRIPTS = (
    command_reference,
    error_reference,
    http_reference,
    input_reference,
    metrics_reference,
    settings_reference,
    storage_reference,
)


if __name__ == "__main__":
    sys.exit(max([script.PAGE.main() for script in SCRIPTS]))
