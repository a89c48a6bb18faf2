# shellcheck shell=sh
# What the hooks share. Sourced, not run.

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The variables that azd hands to hooks: those of the environment and the outputs of main.bicep.
need() {
    for name in "$@"; do
        eval "value=\${$name:-}"
        [ -n "$value" ] || fail "$name is not set; hooks are run by azd ('azd hooks run NAME' repeats one)."
    done
}

need_azure_cli() {
    command -v az >/dev/null || fail "the Azure CLI is needed: https://aka.ms/azure-cli"
    az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none 2>/dev/null ||
        fail "the Azure CLI cannot see the subscription $AZURE_SUBSCRIPTION_ID: run 'az login'."
}

# azd packages Python apps and needs one itself.
find_python() {
    for python in python3 python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
            return
        fi
    done
    fail "Python 3 is needed; there is none on the PATH."
}
