#!/bin/sh
# The app on Microsoft's runtime library, which needs Python 3.13 or newer and has a .venv-runtime of
# its own (requirements.txt beside this file, made by `make lock`). The package brings its own wheels.
set -eu
cd "$(dirname "$0")/../.."
. local/python.sh

locked=tests/runtime/requirements.txt
venv=.venv-runtime

skip() { echo "runtime: not run: $1"; exit 0; }

python=$(python_of 3.13 || python_of 3.14) ||
    skip "azure-functions-runtime needs Python 3.13 or newer, and there is none on the PATH."
[ "$(uname -sm)" = "Linux x86_64" ] ||
    skip "the package's wheels are for Azure's machines, Linux on x86-64; this is $(uname -sm)."

if ! cmp -s "$locked" "$venv/.locked" || ! version_of "$venv/bin/python" >/dev/null; then
    echo "runtime: Microsoft's library for Python $(version_of "$python") into $venv (once)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$locked"
    cp "$locked" "$venv/.locked"
fi
exec "${VENV:-.venv}/bin/python" -m pytest -m runtime tests/runtime "$@"
