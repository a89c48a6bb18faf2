#!/bin/sh
# After the deployment of the code: make the subscriptions that wake the function on_event.
#
# Event Grid looks for the function when a subscription is made, so this cannot be part of the first
# provisioning. Repeating it changes nothing; from now on `azd provision` includes them.
set -eu
cd "$(dirname "$0")"
# shellcheck source=infra/hooks/lib.sh
. ./lib.sh

need AZURE_SUBSCRIPTION_ID AZURE_RESOURCE_GROUP FUNCTION_APP_NAME FUNCTION_APP_ID STORAGE_ACCOUNT_NAME \
    REQUEST_TOPIC_NAME SYSTEM_TOPIC_NAME INBOX_CONTAINER DEAD_LETTER_CONTAINER
need_azure_cli
# before the wait for the function, not after it
need_bicep

# The platform learns of new functions a little after the upload.
attempts=20
until az resource show --ids "$FUNCTION_APP_ID/functions/on_event" --output none 2>/dev/null; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] ||
        fail "the function on_event does not appear. Look at the app's log; then run 'azd hooks run postdeploy'."
    [ "$attempts" -lt 19 ] || say "Waiting for the function on_event to appear."
    sleep "${HOOK_PAUSE_SECONDS:-15}"
done

az deployment group create \
    --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
    --name event-subscriptions --template-file ../modules/event-subscriptions.bicep \
    --parameters functionAppName="$FUNCTION_APP_NAME" requestTopicName="$REQUEST_TOPIC_NAME" \
    systemTopicName="$SYSTEM_TOPIC_NAME" videoStorageName="$STORAGE_ACCOUNT_NAME" \
    inboxContainer="$INBOX_CONTAINER" deadLetterContainer="$DEAD_LETTER_CONTAINER" \
    --output none ||
    fail "the event subscriptions were not made. Run 'azd hooks run postdeploy' to try again."

azd env set EVENT_SUBSCRIPTIONS true
say "Event subscriptions: $INBOX_CONTAINER/ in $STORAGE_ACCOUNT_NAME, and the topic $REQUEST_TOPIC_NAME."
