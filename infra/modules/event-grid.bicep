// Three topics: one on which results are announced, one on which requests come in, and the system
// topic of the inbox's storage account. Only Entra tokens are accepted.

@description('Region of the topics.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the topic that results are announced on.')
param eventTopicName string

@description('Name of the topic that requests come in on.')
param requestTopicName string

@description('Name of the system topic of the video storage.')
param systemTopicName string

@description('The account of videos, with the inbox and the dead letters.')
param videoStorageName string

@description('The container of dead letters.')
param deadLetterContainer string

@description('Principal ids of the services that may publish requests.')
param publisherIds string[]

var roles = loadJsonContent('../roles.json')

resource videoStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: videoStorageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: videoStorage
  name: 'default'
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: blobs
  name: deadLetterContainer
}

resource eventTopic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193: publishers and subscribers reach the topic over the internet, with Entra tokens only
  // checkov:skip=CKV_AZURE_191: this topic delivers to subscriptions of others, which bring their own identity
  name: eventTopicName
  location: location
  tags: tags
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource requestTopic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193: publishers reach the topic over the internet, with Entra tokens only
  name: requestTopicName
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    // the topic decides who pays: in this schema Event Grid itself says which topic an event came
    // from; a CloudEvent contains only what its publisher wrote
    inputSchema: 'EventGridSchema'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: systemTopicName
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: videoStorage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource requestDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLetters.id, requestTopic.id, roles['Storage Blob Data Contributor'])
  scope: deadLetters
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
    principalId: requestTopic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource inboxDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLetters.id, systemTopic.id, roles['Storage Blob Data Contributor'])
  scope: deadLetters
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
    principalId: systemTopic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource publishers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for publisher in publisherIds: {
  name: guid(requestTopic.id, publisher, roles['EventGrid Data Sender'])
  scope: requestTopic
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['EventGrid Data Sender'])
    principalId: publisher
    principalType: 'ServicePrincipal'
  }
}]

@description('Where results are announced.')
output eventTopicEndpoint string = eventTopic.properties.endpoint

@description('Name of that topic, once it exists.')
output eventTopicName string = eventTopic.name

@description('Where requests come in.')
output requestTopicEndpoint string = requestTopic.properties.endpoint

@description('Name of that topic, once it exists.')
output requestTopicName string = requestTopic.name

@description('Resource id of the topic that requests come in on, for its alerts.')
output requestTopicId string = requestTopic.id

@description('Name of the system topic, once it exists.')
output systemTopicName string = systemTopic.name

@description('Resource id of the system topic, for its alerts.')
output systemTopicId string = systemTopic.id
