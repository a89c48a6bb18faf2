#!/bin/sh
# After provisioning: make the first caller's key, unless CALLERS is in the vault already.
#
# Only the key's hash is stored; the key is printed once. The secret is written through Azure Resource
# Manager and not through the vault's own address, so this needs no role on the vault and works with a
# private one.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need AZURE_SUBSCRIPTION_ID AZURE_RESOURCE_GROUP KEY_VAULT_NAME FUNCTION_APP_ID API_BASE_URL
need_azure_cli
find_python

caller=${FIRST_CALLER:-main}
group="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP"
secret="$group/providers/Microsoft.KeyVault/vaults/$KEY_VAULT_NAME/secrets/callers?api-version=2023-07-01"

if answer=$(az rest --method get --url "$secret" --query name --output tsv 2>&1); then
    say "The vault holds CALLERS already; no key was made. (docs/operations.md, 'Rotate keys')"
    exit 0
fi
case $answer in
    *SecretNotFound* | *"Not Found"*) ;;
    *) fail "the vault cannot be asked for CALLERS: $answer" ;;
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# the key goes to stdout and nowhere else, its hash into the file
key=$("$python" - "$caller" "$folder/secret.json" <<'PYTHON'
import hashlib, json, secrets, sys

caller, path = sys.argv[1:]
key = secrets.token_urlsafe(32)
callers = {caller: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()], "admin": True}}
with open(path, "w") as file:
    json.dump({"properties": {"value": json.dumps(callers), "contentType": "application/json"}}, file)
print(key)
PYTHON
)
az rest --method put --url "$secret" --body "@$folder/secret.json" --output none ||
    fail "CALLERS could not be written to the vault; no key was made."

# The app resolved its settings before the secret was there; without this it looks again in a day.
az rest --method post --output none \
    --url "$FUNCTION_APP_ID/config/configreferences/appsettings/refresh?api-version=2022-03-01" ||
    say "The app could not be told to read CALLERS now: restart it once (az functionapp restart)."

say ""
say "The key of the caller '$caller'. It is shown only now; only its hash is stored:"
say ""
say "    $key"
say ""
say "After the deployment:  curl -s $API_BASE_URL/videos -H \"Authorization: Bearer KEY\""
