#!/bin/sh
# Before the code is deployed: wheels for one version of Python do not load in another, so the one
# that they are packaged for must be the one that the app was provisioned with.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need FUNCTION_APP_PYTHON_VERSION
find_python

version=$(parameter pythonVersion)
[ "$version" = "$FUNCTION_APP_PYTHON_VERSION" ] ||
    fail "the app runs on Python $FUNCTION_APP_PYTHON_VERSION and would be packaged for $version: 'azd up' changes both."
