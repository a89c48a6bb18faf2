// The subscriptions that trigger the function `on_event`. Event Grid requires the function to exist,
// so they follow the first deployment of the code: infra/hooks/postdeploy.sh deploys this module and
// sets EVENT_SUBSCRIPTIONS, which makes main.bicep include it from then on.

@description('The function app; its function on_event must exist.')
param functionAppName string

@description('The topic that requests come in on.')
param requestTopicName string

@description('The system topic of the video storage.')
param systemTopicName string

@description('The account of videos.')
param videoStorageName string

@description('The container of files that become requests.')
param inboxContainer string

@description('The container of dead letters.')
param deadLetterContainer string

resource videoStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: videoStorageName
}

resource site 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource requestTopic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: requestTopicName
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopicName
}

// Event Grid finds the function and its key by the resource id: no URL contains a key.
var destination = {
  endpointType: 'AzureFunction'
  properties: {
    resourceId: '${site.id}/functions/on_event'
    // one event at a time: one that fails is repeated alone
    maxEventsPerBatch: 1
    preferredBatchSizeInKilobytes: 64
  }
}

var deadLetters = {
  identity: {
    type: 'SystemAssigned'
  }
  deadLetterDestination: {
    endpointType: 'StorageBlob'
    properties: {
      resourceId: videoStorage.id
      blobContainerName: deadLetterContainer
    }
  }
}

var retries = {
  maxDeliveryAttempts: 30
  eventTimeToLiveInMinutes: 1440
}

resource requests 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: requestTopic
  name: 'requests'
  properties: {
    destination: destination
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: [ 'DurableVideo.VideoRequested' ]
    }
    retryPolicy: retries
    deadLetterWithResourceIdentity: deadLetters
  }
}

resource inbox 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: systemTopic
  name: 'inbox'
  properties: {
    destination: destination
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: [
        'Microsoft.Storage.BlobCreated'
        // from accounts with folders, where an upload gets its name at the end
        'Microsoft.Storage.BlobRenamed'
      ]
      subjectBeginsWith: '/blobServices/default/containers/${inboxContainer}/'
    }
    retryPolicy: retries
    deadLetterWithResourceIdentity: deadLetters
  }
}
