// The app: a Flex Consumption plan, the site and its settings.

@description('Region of the app; it must offer Flex Consumption.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the plan.')
param planName string

@description('Name of the site; it becomes https://NAME.azurewebsites.net.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of the service in azure.yaml.')
param serviceName string

@description('Version of Python.')
param pythonVersion string

@description('Memory of an instance.')
param instanceMemoryMB int

@description('Maximum number of instances.')
param maximumInstanceCount int

@description('Instances that are always there for HTTP requests.')
param alwaysReadyHttp int

@description('Instances that are always there for orchestrations and activities.')
param alwaysReadyDurable int

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param identityClientId string

@description('Where telemetry is sent.')
param telemetryConnection string

@description('Blob endpoint of the account of the host.')
param hostBlobEndpoint string

@description('Queue endpoint of the account of the host.')
param hostQueueEndpoint string

@description('Table endpoint of the account of the host.')
param hostTableEndpoint string

@description('The container for deployed code, in the account of the host.')
param deploymentContainer string

@description('Name of the task hub.')
param taskHubName string

@description('Endpoint of the Durable Task Scheduler; empty: Durable keeps its state in the account of the host.')
param schedulerEndpoint string

@description('Subnet for the app\'s outgoing traffic; empty: none.')
param subnetId string

@description('The URL under which callers reach the app; empty: the site\'s own.')
param publicBaseUrl string

@description('The app\'s own settings, see shared/settings/app.py.')
param settings object

// PYTHON_THREADPOOL_THREAD_COUNT: a process runs 8 activities at a time (host.json) beside 8 HTTP
// requests; a test compares the numbers.
var threads = 16
var siteUrl = 'https://${name}.azurewebsites.net'

var hostSettings = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__queueServiceUri: hostQueueEndpoint
  AzureWebJobsStorage__tableServiceUri: hostTableEndpoint
  PYTHON_THREADPOOL_THREAD_COUNT: string(threads)
  TASKHUB_NAME: taskHubName
  SWEEP_SCHEDULE: '0 * * * * *'
  PURGE_SCHEDULE: '0 17 3 * * *'
  PUBLIC_BASE_URL: empty(publicBaseUrl) ? siteUrl : publicBaseUrl
}

// These win over host.json. Both names of the connection are set, because host.json names the
// storage account under one of them.
var schedulerSettings = empty(schedulerEndpoint) ? {} : {
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};TaskHub=${taskHubName};Authentication=ManagedIdentity;ClientID=${identityClientId}'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
}

// The platform's scaling reads only host.json and would watch the storage account, although the work
// is in the scheduler: with the scheduler, one instance for Durable is always ready.
var readyForDurable = empty(schedulerEndpoint) ? alwaysReadyDurable : max(alwaysReadyDurable, 1)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: zone redundancy of a Flex Consumption plan depends on the region
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_212: Flex Consumption scales by itself; always-ready instances are parameters
  // checkov:skip=CKV_AZURE_213: Flex Consumption has no health check path; GET /openai/v1/health is for callers
  // checkov:skip=CKV_AZURE_17: callers have keys or Entra tokens, not client certificates
  // checkov:skip=CKV_AZURE_222: callers and Event Grid reach the app over the internet
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ftpsState: 'Disabled'
      remoteDebuggingEnabled: false
      // together with the site: a host that starts without its storage settings fails
      appSettings: map(items(union(hostSettings, schedulerSettings, settings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: filter([
          {
            name: 'http'
            instanceCount: alwaysReadyHttp
          }
          {
            name: 'durable'
            instanceCount: readyForDurable
          }
        ], ready => ready.instanceCount > 0)
        triggers: {
          http: {
            // one request per thread: more would only wait inside the worker
            perInstanceConcurrency: threads
          }
        }
      }
    }
  }
}

// Code is deployed with Entra tokens; user name and password are off.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Name of the site, once it exists.')
output name string = site.name

@description('Resource id of the site.')
output id string = site.id

@description('Where the site answers.')
output url string = siteUrl
