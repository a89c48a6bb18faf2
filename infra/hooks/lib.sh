# shellcheck shell=sh
# What the hooks share. Sourced, not run.

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The variables that azd hands to hooks: those of the environment and the outputs of main.bicep.
need() {
    for name in "$@"; do
        eval "value=\${$name:-}"
        [ -z "$value" ] || continue
        case $name in
            AZURE_SUBSCRIPTION_ID | AZURE_LOCATION)
                fail "$name is not set. 'azd provision' asks for it after its hooks, 'azd up' before: run 'azd up', or choose both first with 'azd env set AZURE_SUBSCRIPTION_ID ID' and 'azd env set AZURE_LOCATION REGION'."
                ;;
            *) fail "$name is not set; hooks are run by azd, after 'azd provision' ('azd hooks run NAME' repeats one)." ;;
        esac
    done
}

need_azure_cli() {
    command -v az >/dev/null || fail "the Azure CLI is needed: https://aka.ms/azure-cli"
    az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none 2>/dev/null ||
        fail "the Azure CLI cannot see the subscription $AZURE_SUBSCRIPTION_ID: run 'az login' (with --tenant, if it is another one's), or choose another with 'azd env set AZURE_SUBSCRIPTION_ID ID'."
}

# The Azure CLI has a Bicep of its own, which it downloads; azd's is another one.
need_bicep() {
    ! az bicep version --output none >/dev/null 2>&1 || return 0
    say "The Azure CLI downloads its Bicep compiler (once)."
    az bicep install ||
        fail "the Azure CLI has no Bicep compiler and cannot download it. Allow https://downloads.bicep.azure.com and https://aka.ms, or put a 'bicep' on the PATH (azd keeps one in ~/.azd/bin) and run 'az config set bicep.use_binary_from_path=true'. Then: azd hooks run $(basename "$0" .sh)"
}

# A folder for this run that nobody else can read: $folder.
scratch() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    # a shell that a signal ends runs no EXIT trap by itself
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# azd packages Python apps and needs one itself.
find_python() {
    for python in python3 python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
            return
        fi
    done
    fail "Python 3.8 or newer is needed; there is none on the PATH."
}

# What azd gives a parameter of main.bicep; after find_python.
parameter() { "$python" parameters.py "$1"; }

# Whether what is printed goes into the log of a pipeline. The variables are those that azd knows.
in_pipeline() {
    for name in CI TF_BUILD GITHUB_ACTIONS GITLAB_CI APPVEYOR TRAVIS CIRCLECI CODEBUILD_BUILD_ID \
        JENKINS_URL TEAMCITY_VERSION JB_SPACE_API_URL BITBUCKET_BUILD_NUMBER BUILD_ID; do
        eval "value=\${$name:-}"
        case $value in
            '' | 0 | false | False | FALSE) ;;
            *) return 0 ;;
        esac
    done
    return 1
}
