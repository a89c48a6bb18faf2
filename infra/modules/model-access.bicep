// Roles on one model account, ours or an existing one in another resource group.

@description('Name of the account.')
param accountName string

@description('Principal id of the app.')
param principalId string

@description('Object id of the operator, who collects by hand; empty: nobody.')
param operatorPrincipalId string

@description('Name of the role, one of infra/roles.json.')
param role string

var roles = loadJsonContent('../roles.json')

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = {
  name: accountName
}

resource renders 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, roles[role])
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource collectsByHand 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(account.id, operatorPrincipalId, roles[role])
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
    principalId: operatorPrincipalId
  }
}
