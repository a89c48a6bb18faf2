// Access to the data for the person or group on call, as the commands of docs/operations.md need it.
// The right to deploy covers the resources, but not the data in them.

@description('Object id of the person or group.')
param principalId string

@description('The account of videos and tables.')
param videoStorageName string

@description('Containers whose blobs the operator may read, repair and delete.')
param containers string[]

@description('Tables of the app.')
param tables string[]

@description('Name of the vault.')
param keyVaultName string

@description('The topic that requests come in on.')
param requestTopicName string

var roles = loadJsonContent('../roles.json')

resource videoStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: videoStorageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: videoStorage
  name: 'default'
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' existing = {
  parent: videoStorage
  name: 'default'
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [for container in containers: {
  parent: blobs
  name: container
}]

resource dataTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' existing = [for table in tables: {
  parent: tableService
  name: table
}]

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: keyVaultName
}

resource requestTopic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: requestTopicName
}

resource blobRepairs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (container, i) in containers: {
  name: guid(blobContainers[i].id, principalId, roles['Storage Blob Data Contributor'])
  scope: blobContainers[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
    principalId: principalId
  }
}]

resource tableRepairs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (table, i) in tables: {
  name: guid(dataTables[i].id, principalId, roles['Storage Table Data Contributor'])
  scope: dataTables[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Table Data Contributor'])
    principalId: principalId
  }
}]

resource secretChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, roles['Key Vault Secrets Officer'])
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets Officer'])
    principalId: principalId
  }
}

resource repeatedRequests 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(requestTopic.id, principalId, roles['EventGrid Data Sender'])
  scope: requestTopic
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['EventGrid Data Sender'])
    principalId: principalId
  }
}
