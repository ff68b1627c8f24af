#!/usr/bin/env bash
# Demonstrate the running stack; exits with 1 if a result is unexpected.
# USE_CASE is for `make demo USE_CASE=iris`; the default is spam.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/mlplatform ]; then
    echo "nothing is installed yet: run make setup up run-pipeline first" >&2
    exit 1
fi
exec .venv/bin/mlplatform demo "${GIVEN_USE_CASE:-${1:-spam}}"
