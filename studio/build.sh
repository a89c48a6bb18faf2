#!/bin/sh
# Bundles the studio into triggers/web/studio, from where the app serves it. Called by local/setup.sh
# and by azd's package hook; where node_modules lacks what it needs, that alone is installed.
set -eu
cd "$(dirname "$0")/.."

command -v node >/dev/null || { echo "studio: Node.js 20 or newer is needed to bundle the studio." >&2; exit 1; }
[ -d node_modules/esbuild ] || npm ci --omit=dev --no-audit --no-fund --loglevel=error >/dev/null
exec node studio/build.mjs
