#!/bin/sh
# After provisioning: make the first caller's key, unless CALLERS is in the vault already.
#
# Only the key's hash is kept; the key is printed once. In a pipeline, whose log is kept and read by
# many, it is not printed but put into the vault, for a person to fetch. Secrets are written through
# Azure Resource Manager and not through the vault's own address, so this needs no role on the vault
# and works with a private one.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need AZURE_SUBSCRIPTION_ID AZURE_RESOURCE_GROUP KEY_VAULT_NAME FUNCTION_APP_ID API_BASE_URL
need_azure_cli
find_python

caller=${FIRST_CALLER:-main}
key_secret=first-caller-key
group="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP"
is_name() {
    case $1 in [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) return 1 ;; esac
    [ "${#1}" -le 63 ]
}
secret_url() { printf '%s' "$group/providers/Microsoft.KeyVault/vaults/$KEY_VAULT_NAME/secrets/$1?api-version=2023-07-01"; }

if answer=$(az rest --method get --url "$(secret_url callers)" --query name --output tsv 2>&1); then
    say "The vault holds CALLERS already; no key was made. (docs/operations.md, 'Rotate keys')"
    exit 0
fi
case $answer in
    *SecretNotFound* | *"Not Found"*) ;;
    *) fail "the vault cannot be asked for CALLERS: $answer" ;;
esac
is_name "$caller" ||
    fail "FIRST_CALLER is '$caller', which the app would refuse, and with it all of CALLERS: use up to 63 letters, digits, '.', '_' and '-' ('azd env set FIRST_CALLER NAME'), then run 'azd provision' again."

shown=true
! in_pipeline || shown=false
scratch
# The key goes to stdout or into a file that only this user can read, its hash into another: never
# into an argument, which every user of the machine sees.
key=$("$python" - "$caller" "$shown" "$folder" <<'PYTHON'
import hashlib, json, secrets, sys

caller, shown, folder = sys.argv[1:]
key = secrets.token_urlsafe(32)
callers = {caller: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()], "admin": True}}


def write(name, value, kind):
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({"properties": {"value": value, "contentType": kind}}, file)


write("callers", json.dumps(callers), "application/json")
if shown == "true":
    print(key)
else:
    write("key", key, "text/plain")
PYTHON
)
# The key first: with CALLERS in the vault, none is made any more.
[ "$shown" = true ] ||
    az rest --method put --url "$(secret_url "$key_secret")" --body "@$folder/key.json" --output none ||
    fail "the key could not be written to the vault; none was made."
az rest --method put --url "$(secret_url callers)" --body "@$folder/callers.json" --output none ||
    fail "CALLERS could not be written to the vault; no key was made."

# The app resolved its settings before the secret was there; without this it looks again in a day.
az rest --method post --output none \
    --url "$FUNCTION_APP_ID/config/configreferences/appsettings/refresh?api-version=2022-03-01" ||
    say "The app could not be told to read CALLERS now: restart it once (az functionapp restart)."

say ""
if [ "$shown" = true ]; then
    say "The key of the caller '$caller'. It is shown only now; only its hash is stored:"
    say ""
    say "    $key"
else
    say "This is the log of a pipeline, so the key of the caller '$caller' is not shown. It is the secret"
    say "'$key_secret' of the vault $KEY_VAULT_NAME. Whoever has the role Key Vault Secrets Officer there"
    say "(OPERATOR_PRINCIPAL_ID gives it) reads it and takes it out:"
    say ""
    say "    az keyvault secret show --vault-name $KEY_VAULT_NAME --name $key_secret --query value --output tsv"
    say "    az keyvault secret delete --vault-name $KEY_VAULT_NAME --name $key_secret --output none"
fi
say ""
say "After the deployment:  curl -s $API_BASE_URL/videos -H \"Authorization: Bearer KEY\""
