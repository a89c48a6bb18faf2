// The vault for what must not be in app settings: CALLERS (names and hashes of keys, never a key)
// and the secrets of webhooks and of upstreams that take a key.

@description('Region of the vault.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Reached through a private endpoint only.')
param isPrivate bool

@description('Deleted vaults and secrets cannot be purged for 90 days. It cannot be switched off again, and blocks the name for that long after `azd down`.')
param purgeProtection bool

@description('The workspace for the audit log of secret reads.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_42: purge protection is the parameter purgeProtection; soft delete is always on
  // checkov:skip=CKV_AZURE_110: see CKV_AZURE_42; everything here can be created again
  // checkov:skip=CKV_AZURE_109: the network rules follow the parameter vnetEnabled
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'None'
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Resource id, for the private endpoint.')
output id string = vault.id

@description('Name, once the vault exists.')
output name string = vault.name
