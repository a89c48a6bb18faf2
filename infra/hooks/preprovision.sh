#!/bin/sh
# Before provisioning: ask each region which of the models of main.parameters.json it still offers.
#
# A model that is retired, not offered or without quota is left out, with the reason printed, so that
# nothing else fails because of it. What was found goes to main.bicep through the azd environment.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need AZURE_SUBSCRIPTION_ID
need_azure_cli
find_python

# name|location|model|version|sku|retiresAt, one line for each model
listed=$("$python" - ../main.parameters.json <<'PYTHON'
import json, sys

with open(sys.argv[1]) as file:
    parameters = json.load(file)["parameters"]
for model in parameters["videoModels"]["value"]:
    names = ("name", "location", "model", "version", "sku", "retiresAt")
    print("|".join(str(model.get(name, "")) for name in names))
PYTHON
)

# A subscription that never had a model account knows no models either.
registered=$(az provider show --subscription "$AZURE_SUBSCRIPTION_ID" \
    --namespace Microsoft.CognitiveServices --query registrationState --output tsv)
if [ "$registered" != Registered ]; then
    say "Registering Microsoft.CognitiveServices in the subscription (once)."
    az provider register --subscription "$AZURE_SUBSCRIPTION_ID" \
        --namespace Microsoft.CognitiveServices --wait --output none
fi

newline='
'
digits() { printf '%s' "$1" | tr -cd '0-9' | cut -c 1-8; }
today=$(date -u +%Y%m%d)

skipped='' dates='' created=0
skip() {
    skipped="$skipped${skipped:+,}$name"
    say "  - $what: $*"
}

say "Video models:"
while IFS='|' read -r name location model version sku known; do
    [ -n "$name" ] || continue
    what="$name ($model $version, $sku, $location)"
    found=$(az cognitiveservices model list --subscription "$AZURE_SUBSCRIPTION_ID" --location "$location" \
        --query "[?model.name=='$model' && model.version=='$version' && model.skus[?name=='$sku']].join('|', [model.name, model.deprecation.inference || '', model.skus[?name=='$sku'].usageName | [0] || ''])" \
        --output tsv </dev/null) ||
        fail "the models of $location cannot be listed; see the message above."
    if [ -z "$found" ]; then
        dates="$dates${dates:+,}$name=${known:-$(date -u +%Y-%m-%dT00:00:00Z)}"
        skip "not offered there any more${known:+ (to retire on ${known%T*})}. Not created; it shows as retired in /models."
        continue
    fi
    first=${found%%"$newline"*}
    date=${first#*|}
    usage=${date#*|}
    date=${date%%|*}
    dates="$dates${dates:+,}$name=$date"
    if [ -n "$date" ] && [ "$(digits "$date")" -le "$today" ]; then
        skip "retired on ${date%T*}. Not created; it shows as retired in /models."
        continue
    fi
    if [ -n "$usage" ]; then
        quota=$(az cognitiveservices usage list --subscription "$AZURE_SUBSCRIPTION_ID" --location "$location" \
            --query "[?name.value=='$usage'].limit | [0]" --output tsv </dev/null)
        case $quota in
            0 | 0.0)
                skip "the subscription has no quota for it there. Not created; ask for quota, then run 'azd provision' again."
                continue
                ;;
        esac
    fi
    created=$((created + 1))
    say "  + $what: offered${date:+ until ${date%T*}}."
done <<LISTED
$listed
LISTED

if [ "$created" -eq 0 ]; then
    say "None of them can be created. The app comes up all the same and says so in /models; give it"
    say "another upstream with the parameter otherUpstreams (docs/operations.md, 'A model is retired')."
fi

azd env set SKIPPED_MODELS "$skipped"
azd env set RETIREMENT_DATES "$dates"

# A budget's first month cannot be changed later: remember the first one.
[ -n "${BUDGET_START_DATE:-}" ] || azd env set BUDGET_START_DATE "$(date -u +%Y-%m-01)"

# Subscriptions need their function. After `azd down`, or before the first deployment, it is not there.
if [ "${EVENT_SUBSCRIPTIONS:-false}" = true ]; then
    if [ -z "${FUNCTION_APP_ID:-}" ] ||
        ! az resource show --ids "$FUNCTION_APP_ID/functions/on_event" --output none 2>/dev/null; then
        say "The function on_event is not there: the event subscriptions come after the deployment."
        azd env set EVENT_SUBSCRIPTIONS false
    fi
fi
