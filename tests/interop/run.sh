#!/bin/sh
# LiteLLM's own proxy in front of the simulator and of our API, offline.
#
# It has packages of its own (requirements.txt beside this file, made by `make lock`) in .venv-interop,
# because it pins old versions of what the project uses.
set -eu
cd "$(dirname "$0")/../.."

locked=tests/interop/requirements.txt
venv=.venv-interop
ours=${VENV:-.venv}/bin/python

if ! cmp -s "$locked" "$venv/.locked" || ! "$venv/bin/python" -c ''; then
    echo "interop: LiteLLM's packages into $venv (once)"
    rm -rf "$venv"
    "$ours" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
        --require-hashes -r "$locked"
    cp "$locked" "$venv/.locked"
fi
exec "$ours" -m pytest -m interop tests/interop "$@"
