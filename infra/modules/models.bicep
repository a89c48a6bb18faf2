// The video models of one region: an Azure OpenAI account and its deployments.

@description('The region, one that offers the models.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the account and of its subdomain: https://NAME.openai.azure.com.')
@minLength(2)
@maxLength(64)
param name string

@description('Deployments to create: name, model, version, sku, capacity.')
param deployments array

@description('Reached through a private endpoint only.')
param isPrivate bool

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_134: public access follows the parameter vnetEnabled
  // checkov:skip=CKV_AZURE_238: the account calls nobody, so it needs no identity
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: {
    name: 'S0'
  }
  properties: {
    // Entra tokens are accepted only at a custom subdomain
    customSubDomainName: name
    disableLocalAuth: true
    restrictOutboundNetworkAccess: true
    allowedFqdnList: []
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

// One after the other: an account refuses two changes at a time.
@batchSize(1)
resource models 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [for model in deployments: {
  parent: account
  name: model.name
  sku: {
    name: model.sku
    capacity: model.capacity
  }
  properties: {
    model: {
      format: 'OpenAI'
      name: model.model
      version: model.version
    }
    // no automatic upgrade: prices, sizes and limits differ between versions
    versionUpgradeOption: 'NoAutoUpgrade'
  }
}]

@description('Name, once the account and its deployments exist.')
output name string = account.name
