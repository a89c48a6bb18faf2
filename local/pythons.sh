#!/bin/sh
# The quick tests and the main job in both dialects, on every installed Python but that of $VENV.
set -eu
cd "$(dirname "$0")/.."
. local/python.sh

here=$(version_of "${VENV:-.venv}/bin/python")
for version in 3.11 3.12 3.13 3.14; do
    [ "$version" != "$here" ] || continue
    PYTHON=$(python_of "$version") || { echo "pythons: Python $version: there is none on the PATH"; continue; }
    VENV=.venv-$version
    export PYTHON VENV
    echo "pythons: Python $version"
    make --no-print-directory setup
    "$VENV/bin/python" -m pytest -n 2 --dist loadscope tests/shared tests/triggers tests/orchestrators \
        local/host/tests/test_sdk_pins.py local/host/tests/test_http.py \
        local/host/tests/test_event_grid.py local/host/tests/test_package.py \
        --ignore tests/shared/lifecycle
    make --no-print-directory demo MODEL=sora-2
    make --no-print-directory demo MODEL=sora SIZE=480x480 DURATION=5 VARIANTS=2
done
