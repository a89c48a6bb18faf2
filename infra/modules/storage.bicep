// One storage account that only Entra identities may use, with its containers and tables.

@description('Region of the account.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Containers to create.')
param containers string[]

@description('Tables to create.')
param tables string[] = []

@description('When blobs are deleted: days since their last change, by container. A container without an entry keeps its blobs.')
param deleteAfterDays object = {}

@description('Reached through private endpoints only. Event Grid, a trusted service, may still deliver dead letters.')
param isPrivate bool

@description('Origins whose web pages may read what a signed link opens: the studio does.')
param pageOrigins string[] = []

@description('How the data is replicated.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
])
param replication string

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_206: replication is the parameter `replication`; locally redundant is the default because the price doubles with a second region
  // checkov:skip=CKV_AZURE_43: the name is built from uniqueString, which the check cannot evaluate; a test evaluates it
  // checkov:skip=CKV_AZURE_35: the default action is Deny with the parameter vnetEnabled
  // checkov:skip=CKV_AZURE_59: see CKV_AZURE_35; blobs are never public, with or without a network
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: replication
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      // 'Enabled' with 'Deny', not 'Disabled': this still admits trusted services and lets an operator
      // open the account to one address
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'AzureServices'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    // without a signed link an origin opens nothing
    cors: {
      corsRules: !empty(pageOrigins) ? [
        {
          allowedOrigins: pageOrigins
          allowedMethods: [ 'GET', 'HEAD' ]
          allowedHeaders: [ 'range' ]
          exposedHeaders: [ 'accept-ranges', 'content-length', 'content-range', 'etag' ]
          maxAgeInSeconds: 3600
        }
      ] : []
    }
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = if (!empty(tables)) {
  parent: account
  name: 'default'
}

resource dataTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [for table in tables: {
  parent: tableService
  name: table
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = if (!empty(deleteAfterDays)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: map(items(deleteAfterDays), rule => {
        name: 'delete-${rule.key}'
        enabled: true
        type: 'Lifecycle'
        definition: {
          filters: {
            blobTypes: [ 'blockBlob' ]
            prefixMatch: [ '${rule.key}/' ]
          }
          actions: {
            baseBlob: {
              delete: {
                daysAfterModificationGreaterThan: rule.value
              }
            }
          }
        }
      })
    }
  }
  dependsOn: [ blobContainers ]
}

@description('Resource id, for private endpoints and the system topic.')
output id string = account.id

@description('Name, once the account and its contents exist.')
output name string = account.name

@description('Endpoint of the blob service.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Endpoint of the queue service.')
output queueEndpoint string = account.properties.primaryEndpoints.queue

@description('Endpoint of the table service.')
output tableEndpoint string = account.properties.primaryEndpoints.table
