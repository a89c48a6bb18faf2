#!/bin/sh
# Prepares the project: a .venv with the locked packages, Azurite and the tests' browser from
# package-lock.json, and the studio's bundle. Called by make; repeats only what changed. PYTHON
# chooses the Python, VENV the folder for the packages.
set -eu
cd "$(dirname "$0")/.."
. local/python.sh

venv=${VENV:-.venv}

fail() { echo "setup: $1" >&2; exit 1; }

digest() { cat "$@" | cksum; }

python_is_ready() { version_of "$venv/bin/python" >/dev/null && [ "$(cat "$venv/.locked" 2>/dev/null)" = "$(digest requirements.txt requirements-dev.txt)" ]; }
node_is_ready() { [ "$(cat node_modules/.locked 2>/dev/null)" = "$(digest package-lock.json)" ]; }

command -v node >/dev/null || fail "Node.js 20 or newer is needed (for Azurite, the storage emulator); there is no 'node' on the PATH."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js 20 or newer is needed; this is $(node --version)."

takes="Python 3.11, 3.12, 3.13 or 3.14 is needed"
if [ -n "${PYTHON:-}" ]; then
    python=$(named_python "$PYTHON") || fail "$takes; PYTHON=$PYTHON does not run."
    version=$(version_of "$python")
    case " $versions " in
        *" $version "*) ;;
        *) fail "$takes; PYTHON=$PYTHON is $version." ;;
    esac
    # packages built for one minor version do not load in another
    [ "$(version_of "$venv/bin/python")" = "$version" ] || rm -rf "$venv"
fi

if ! python_is_ready; then
    if ! version_of "$venv/bin/python" >/dev/null; then
        python=${python:-$(any_python)} || fail "$takes; there is none on the PATH. Set PYTHON to one."
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    echo "setup: the packages into $venv, for Python $(version_of "$venv/bin/python") (once)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements.txt -r requirements-dev.txt
    digest requirements.txt requirements-dev.txt > "$venv/.locked"
fi

if ! node_is_ready; then
    command -v npm >/dev/null || fail "npm is needed to install Azurite; there is none on the PATH."
    echo "setup: Azurite, and a browser for the tests (66 MB), into node_modules (once)"
    npm ci --no-audit --no-fund --loglevel=error >/dev/null
    digest package-lock.json > node_modules/.locked
fi

studio/build.sh >/dev/null
