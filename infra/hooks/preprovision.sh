#!/bin/sh
# Before provisioning: what would stop it half-way is found, and mended or explained.
#
# Resource providers are registered; names that deleted resources still hold are reported; a model
# that is retired, not offered or without quota is left out, with the reason printed, so that nothing
# else fails because of it. What was found goes to main.bicep through the azd environment.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need AZURE_SUBSCRIPTION_ID AZURE_LOCATION AZURE_ENV_NAME
need_azure_cli
find_python
scratch

group="rg-$AZURE_ENV_NAME"

# -- resource providers --

# What the templates use, beside what every subscription has. Azure registers most of these with the
# deployment; not CognitiveServices, which is asked about models before it, and not App, which no
# resource is of: the app's subnet is only delegated to it.
providers="CognitiveServices EventGrid Insights KeyVault ManagedIdentity OperationalInsights Storage Web"
[ "$(parameter vnetEnabled)" != true ] || providers="$providers App Network"
[ "$(parameter durableBackend)" != durableTaskScheduler ] || providers="$providers DurableTask"

registered=$(az provider list --subscription "$AZURE_SUBSCRIPTION_ID" \
    --query "[?registrationState=='Registered'].namespace" --output tsv) ||
    fail "the resource providers of the subscription cannot be listed; see the message above. It takes the role Reader on the subscription, and to provision Contributor."
missing='' refused=''
for provider in $providers; do
    printf '%s\n' "$registered" | grep -qix "Microsoft.$provider" || missing="$missing Microsoft.$provider"
done
[ -z "$missing" ] || say "Registering in the subscription (once):$missing"
for provider in $missing; do
    az provider register --subscription "$AZURE_SUBSCRIPTION_ID" --namespace "$provider" --output none ||
        refused="$refused $provider"
done
[ -z "$refused" ] ||
    fail "these resource providers are not registered in the subscription, and you may not do it:$refused. Somebody with Contributor on the subscription has to run, for each: az provider register --subscription $AZURE_SUBSCRIPTION_ID --wait --namespace NAME"
for provider in $missing; do
    az provider register --subscription "$AZURE_SUBSCRIPTION_ID" --namespace "$provider" --wait --output none
done

# -- names that are still taken --

# After `azd down` without --purge, Azure keeps vault and model accounts for a while, and with them
# the names that this environment will use again.
if deleted=$(az keyvault list-deleted --subscription "$AZURE_SUBSCRIPTION_ID" --resource-type vault \
    --query "[?properties.location=='$AZURE_LOCATION' && contains(properties.vaultId, '/$group/')].[name, properties.scheduledPurgeDate] | [:1]" \
    --output tsv 2>/dev/null) && [ -n "$deleted" ]; then
    vault=$(printf '%s' "$deleted" | cut -f 1)
    fail "this environment's vault $vault was deleted and keeps its name until $(printf '%s' "$deleted" | cut -f 2). Delete it for good with 'az keyvault purge --subscription $AZURE_SUBSCRIPTION_ID --location $AZURE_LOCATION --name $vault', or bring it back (docs/operations.md, 'Take it down')."
fi
if deleted=$(az cognitiveservices account list-deleted --subscription "$AZURE_SUBSCRIPTION_ID" \
    --query "[?contains(id, '/$group/')].[name, location]" --output tsv 2>/dev/null) && [ -n "$deleted" ]; then
    say "Deleted model accounts of this environment may still hold the names it needs. If provisioning"
    say "says so (FlagMustBeSetForRestore), delete them for good:"
    printf '%s\n' "$deleted" | while read -r account region; do
        say "    az cognitiveservices account purge --subscription $AZURE_SUBSCRIPTION_ID --resource-group $group --location $region --name $account"
    done
fi

# -- models --

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
        if ! quota=$(az cognitiveservices usage list --subscription "$AZURE_SUBSCRIPTION_ID" --location "$location" \
            --query "[?name.value=='$usage'].limit | [0]" --output tsv </dev/null); then
            say "    The quota of $location may not be asked for (that takes the role Cognitive Services Usages"
            say "    Reader on the subscription). There may be none: then provisioning fails with InsufficientQuota."
        fi
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

# -- the budget --

# The first month of a budget cannot be changed, and must not be a past one when it is made. So Azure
# is asked and not the azd environment, which outlives the budget and is new in every pipeline.
month=$(date -u +%Y-%m-01)
if start=$(az rest --method get \
    --url "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$group/providers/Microsoft.Consumption/budgets?api-version=2023-11-01" \
    --query "value[?starts_with(name, 'budget-')].properties.timePeriod.startDate | [0]" \
    --output tsv 2>"$folder/refused"); then
    start=${start%%T*}
elif grep -qi "NotFound\|Not Found" "$folder/refused"; then
    start=$month
else
    start=${BUDGET_START_DATE:-$month}
    say "The budget cannot be asked for; its first month is taken to be $start:"
    cat "$folder/refused"
fi
azd env set BUDGET_START_DATE "${start:-$month}"

# -- event subscriptions --

# Subscriptions need their function. After `azd down`, or before the first deployment, it is not there.
if [ "${EVENT_SUBSCRIPTIONS:-false}" = true ]; then
    if [ -z "${FUNCTION_APP_ID:-}" ] ||
        ! az resource show --ids "$FUNCTION_APP_ID/functions/on_event" --output none 2>/dev/null; then
        say "The function on_event is not there: the event subscriptions come after the deployment."
        azd env set EVENT_SUBSCRIPTIONS false
    fi
fi

# -- Python --

version=$(parameter pythonVersion)
if [ "${FUNCTION_APP_PYTHON_VERSION:-$version}" != "$version" ]; then
    say "Python changes from $FUNCTION_APP_PYTHON_VERSION to $version. The app cannot start until its code is deployed anew:"
    say "'azd up' does both; after 'azd provision' run 'azd deploy' at once."
fi
