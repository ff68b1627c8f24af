#!/usr/bin/env bash
# Demonstrate the running stack; exits with 1 if a result is unexpected.
# USE_CASE is for `make demo USE_CASE=iris`; the default is spam.
set -euo pipefail
cd "$(dirname "$0")/.."

export PLATFORM_ROOT="${PLATFORM_ROOT:-$PWD}"
export PLATFORM_HOME="${PLATFORM_HOME:-$PWD/.platform}"
config="${PLATFORM_CONFIG:-$PWD/config/embedded.env}"
export PLATFORM_CONFIG="$config" PATH="$PWD/.venv/bin:$PATH"

if [ ! -x .venv/bin/dotenv ]; then
    echo "nothing is installed yet: run make setup up run-pipeline first" >&2
    exit 1
fi
exec dotenv -f "$config" run --no-override -- python scripts/demo.py "${GIVEN_USE_CASE:-${1:-spam}}"
