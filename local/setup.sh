#!/bin/sh
# Makes the project ready to run: a .venv with the locked packages, Azurite from the locked
# package.json. Called by make; does again only what changed.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }

find_python() {
    for python in ${PYTHON:-} python3.12 python3.11 python3 python; do
        if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            echo "$python"; return
        fi
    done
    return 1
}

digest() { cat "$@" | cksum; }

python_is_ready() { [ -x .venv/bin/python ] && [ "$(cat .venv/.locked 2>/dev/null)" = "$(digest requirements.txt requirements-dev.txt)" ]; }
node_is_ready() { [ "$(cat node_modules/.locked 2>/dev/null)" = "$(digest package-lock.json)" ]; }

command -v node >/dev/null || fail "Node.js 20 or newer is needed (for Azurite, the storage emulator); there is no 'node' on the PATH."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js 20 or newer is needed; this is $(node --version)."

if ! python_is_ready; then
    python=$(find_python) || fail "Python 3.11 or 3.12 is needed; set PYTHON to one."
    echo "setup: Python packages into .venv (once)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements.txt -r requirements-dev.txt
    digest requirements.txt requirements-dev.txt > .venv/.locked
fi

if ! node_is_ready; then
    command -v npm >/dev/null || fail "npm is needed to install Azurite; there is none on the PATH."
    echo "setup: Azurite into node_modules (once)"
    npm ci --no-audit --no-fund --loglevel=error >/dev/null
    digest package-lock.json > node_modules/.locked
fi
