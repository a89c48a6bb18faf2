#!/bin/sh
# Before packaging: build .package, the folder that azd zips and uploads as it is.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

find_python
"$python" -m pip --version >/dev/null 2>&1 ||
    fail "pip is needed, for $("$python" -c 'import sys; print(sys.executable)'): 'python3 -m ensurepip', or your system's package python3-pip."

../../studio/build.sh || fail "the studio was not bundled."
version=$(parameter pythonVersion)
say "Packaging for Python $version: the app and the wheels of requirements.txt."
"$python" package.py "$version" || fail "nothing was packaged."
