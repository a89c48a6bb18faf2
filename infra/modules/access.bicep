// Everything the app may do. docs/security.md says why, row by row; a test compares that table with
// the roles that these files assign.

@description('Principal id of the app.')
param principalId string

@description('The account of the Functions host.')
param hostStorageName string

@description('Durable keeps its queues and tables in the account of the host.')
param durableInStorage bool

@description('The account of videos and tables.')
param videoStorageName string

@description('Containers that the app writes.')
param writtenContainers string[]

@description('Containers that the app only reads.')
param readContainers string[]

@description('Tables of the app.')
param tables string[]

@description('Name of the vault.')
param keyVaultName string

@description('The Application Insights component.')
param componentName string

@description('The topic that results are announced on.')
param eventTopicName string

var roles = loadJsonContent('../roles.json')

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

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

resource written 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [for container in writtenContainers: {
  parent: blobs
  name: container
}]

resource read 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [for container in readContainers: {
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

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource eventTopic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: eventTopicName
}

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, principalId, roles['Storage Blob Data Owner'])
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Owner'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource hostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (durableInStorage) {
  name: guid(hostStorage.id, principalId, roles['Storage Queue Data Contributor'])
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Queue Data Contributor'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (durableInStorage) {
  name: guid(hostStorage.id, principalId, roles['Storage Table Data Contributor'])
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Table Data Contributor'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource writes 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (container, i) in writtenContainers: {
  name: guid(written[i].id, principalId, roles['Storage Blob Data Contributor'])
  scope: written[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (container, i) in readContainers: {
  name: guid(read[i].id, principalId, roles['Storage Blob Data Reader'])
  scope: read[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Reader'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

// To sign the short-lived links of content redirects. The key is the account's, so the scope must
// be; a link still opens only what the identity may read.
resource delegation 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(videoStorage.id, principalId, roles['Storage Blob Delegator'])
  scope: videoStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Delegator'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource tableWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (table, i) in tables: {
  name: guid(dataTables[i].id, principalId, roles['Storage Table Data Contributor'])
  scope: dataTables[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Table Data Contributor'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource secretReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, roles['Key Vault Secrets User'])
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, principalId, roles['Monitoring Metrics Publisher'])
  scope: component
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource announcements 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(eventTopic.id, principalId, roles['EventGrid Data Sender'])
  scope: eventTopic
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['EventGrid Data Sender'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
