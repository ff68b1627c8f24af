#!/usr/bin/env bash
# Create .venv from uv.lock on a machine that has only Python.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
UV=.tools/uv/bin/uv

find_python() {
    local name
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11, 3.12 or 3.13 is needed and none is on PATH (python3 is: $(python3 --version 2>&1 || true));" >&2
    echo "install one (Debian: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.12" >&2
    return 1
}

install_uv() {
    [ "$("$UV" --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] && return
    echo "installing uv $UV_VERSION into .tools/uv"
    mkdir -p .tools
    if ! "$1" -m venv --clear .tools/uv >/dev/null 2>&1; then
        echo "$1 cannot create a virtual environment; on Debian: apt-get install python3-venv" >&2
        return 1
    fi
    .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

python=$(find_python)
install_uv "$python"

# Use the system's certificates: a company may have its own.
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
# Without a home directory there is no shared cache.
[ -n "${HOME:-}" ] || export UV_CACHE_DIR="$PWD/.tools/uv-cache"
# An existing environment keeps its Python.
[ -x .venv/bin/python ] || export UV_PYTHON="$python"

echo "installing the workspace into .venv (the first time takes a minute or two)"
# Keep use cases that a team has installed in addition.
"$UV" sync --frozen --inexact --quiet
touch .venv/.setup-stamp
