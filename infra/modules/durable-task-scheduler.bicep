// The Durable Task Scheduler: where orchestrations live when durableBackend says so.

@description('Region of the scheduler.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the scheduler.')
param name string

@description('Name of the task hub.')
param taskHubName string

@description('The app, the only one that may use the task hub.')
param principalId string

var roles = loadJsonContent('../roles.json')

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // The addresses of a Flex Consumption app are not fixed. An empty list would let nobody in;
    // what protects the hub is that every call needs a token of the identity.
    ipAllowlist: [ '0.0.0.0/0' ]
    sku: {
      name: 'Consumption'
    }
  }
}

resource taskHub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: taskHubName
}

resource worker 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(taskHub.id, principalId, roles['Durable Task Data Contributor'])
  scope: taskHub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Durable Task Data Contributor'])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

@description('Endpoint of the scheduler.')
output endpoint string = scheduler.properties.endpoint
