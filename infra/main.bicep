// Durable Video in one resource group. Every module is one concern; all options are parameters here,
// and main.parameters.json has the values that azd uses.
targetScope = 'subscription'

type dialect = 'sora-1' | 'sora-2'

type sku = 'GlobalStandard' | 'Standard' | 'DataZoneStandard'

type videoModel = {
  // its name here, in Azure and in UPSTREAMS; unique over all regions
  name: string
  // the region
  location: string
  // the model as Azure and callers name it, for example sora-2
  model: string
  version: string
  sku: sku
  capacity: int
  dialect: dialect
  // limits that the app keeps
  maxRunning: int
  maxCreatesPerMinute: int
  // when Azure retires it, as 2026-10-15T00:00:00Z
  retiresAt: string?
  // who renders in its place, and when: the field of UPSTREAMS
  successor: object?
  // more fields of its entry in UPSTREAMS: prices, capabilities, can_list
  extra: object?
}

@description('Name of the environment; all names are derived from it, the subscription and the location.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of everything but the models. It must offer Flex Consumption.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('The video models to offer: main.parameters.json lists Sora 2 and Sora 1. Another region is another entry. UPSTREAMS is built from the same list.')
param videoModels videoModel[]

@description('Names from that list that are not created, separated by commas: infra/hooks/preprovision.sh finds those that the region no longer offers or that have no quota. They stay in UPSTREAMS, where /models reports them.')
param skippedModels string = ''

@description('When Azure retires them, as name=date,name=date; empty: not known. Set by the same hook; overrides retiresAt.')
param retirementDates string = ''

@description('Further upstreams, as entries of UPSTREAMS (see shared/settings/upstreams.py): an existing account, or any other server of /v1/videos. The key of auth type header, and the secret of callback, are the vault\'s secrets named as secret_setting, in lower case and with dashes.')
param otherUpstreams object[] = []

@description('Resource ids of existing Azure OpenAI accounts among them, on which the app gets its role.')
param existingModelAccountIds string[] = []

@description('Role of the app and the operator on a model account. The default is the one from Microsoft\'s quickstart for Sora; docs/security.md says what the narrower one lacks.')
@allowed([
  'Cognitive Services User'
  'Cognitive Services OpenAI User'
])
param modelRole string = 'Cognitive Services User'

@description('Object id of the person or group on call, who may use the commands of docs/operations.md; empty: nobody gets access to the data.')
param operatorPrincipalId string = ''

@description('Where Durable keeps its state. Changing it loses the state; videos are resumed by the sweep, from the tables.')
@allowed([
  'azureStorage'
  'durableTaskScheduler'
])
param durableBackend string = 'azureStorage'

@description('Name of the task hub. Another name is an empty hub: see docs/operations.md.')
@minLength(3)
@maxLength(45)
param taskHubName string = 'durablevideo'

@description('Version of Python that the package is built for. Change it with `azd up`: the app cannot start until the code is deployed again.')
@allowed([
  '3.11'
  '3.12'
  '3.13'
])
param pythonVersion string = '3.13'

@description('Memory of an instance.')
@allowed([
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Maximum number of instances.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are always there for HTTP requests: no cold start, at a price.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttp int = 0

@description('Instances that are always there for orchestrations and activities.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 0

@description('Storage, vault and models behind private endpoints. The app itself stays reachable; content is streamed through it instead of redirected to.')
param vnetEnabled bool = false

@description('Addresses of the virtual network, a /24 or larger.')
param vnetAddressPrefix string = '10.70.0.0/24'

@description('Replication of both storage accounts.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
])
param storageReplication string = 'Standard_LRS'

@description('Purge protection of the vault. It cannot be switched off again and blocks the name for 90 days after `azd down`.')
param keyVaultPurgeProtection bool = false

@description('Days that finished videos are kept, in the app\'s expires_at and in storage; 0: for ever.')
@minValue(0)
@maxValue(3650)
param videoRetentionDays int = 30

@description('Maximum cost of one job in US dollars: 0 closes the app, -1 is no limit.')
@minValue(-1)
param maxJobUsd int = 20

@description('Maximum cost of a UTC day in US dollars: 0 closes the app, -1 is no limit. An alert fires at 80 %.')
@minValue(-1)
param budgetUsdPerDay int = 200

@description('Hours that a video may wait for its turn.')
@minValue(1)
@maxValue(168)
param queueDeadlineHours int = 24

@description('Minutes that a job may take after its submission.')
@minValue(5)
@maxValue(1440)
param jobDeadlineMinutes int = 60

@description('The URL under which callers reach the app, if it is not the site\'s own.')
param publicBaseUrl string = ''

@description('Origins of web pages whose scripts may call the API, such as https://app.example.com. None by default.')
param corsOrigins string[] = []

@description('Hosts that https image references may be fetched from. None by default.')
param inputUrlHosts string[] = []

@description('Audience of the Entra access tokens that the app accepts: the client id of an app registration, or its application id URI. Empty: keys only.')
param entraAudience string = ''

@description('Tenant that issues those tokens; empty: that of the subscription.')
param entraTenantId string = ''

@description('Webhooks, as entries of WEBHOOKS (see docs/events.md). Each secret is the vault\'s secret named as secret_setting, in lower case and with dashes.')
param webhooks object[] = []

@description('The caller, one of CALLERS, that pays for requests on the topic; empty: they are rejected. main.parameters.json sets the first caller.')
param topicCaller string = ''

@description('Other topics to which the app is subscribed by hand: names or resource ids, each with a caller.')
param otherTopicCallers object = {}

@description('Object ids of services that may publish requests on the topic.')
param requestPublisherIds string[] = []

@description('Create the subscriptions that trigger the function on_event. infra/hooks/postdeploy.sh sets it once the function exists.')
param eventSubscriptions bool = false

@description('Address that alerts and budget messages are sent to; empty: they show in the portal only.')
param alertEmail string = ''

@description('URL of docs/operations.md: every alert links to its section there.')
param runbookUrl string = 'docs/operations.md'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('What Azure may cost in a month, in the currency of the subscription: a message at 80 %.')
@minValue(1)
param monthlyBudget int = 500

@description('First day of the budget\'s first month, which cannot be changed: infra/hooks/preprovision.sh sets that of the existing budget, or else of this month.')
param budgetStartDate string = utcNow('yyyy-MM-01')

// a slash at its end would be doubled in the URLs that are made of it
var ownBaseUrl = endsWith(publicBaseUrl, '/') ? substring(publicBaseUrl, 0, length(publicBaseUrl) - 1) : publicBaseUrl

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
}

var containers = {
  videos: 'videos'
  inputs: 'inputs'
  inbox: 'inbox'
  rejected: 'rejected'
  files: 'files'
  deadLetters: 'deadletter'
}
var tables = [
  'videos'
  'work'
  'jobs'
  'deployments'
  'ledger'
  'idempotency'
  'outbox'
  'latencies'
  'files'
  'batches'
  'approvals'
]
// Callers' prompts and images are kept only as long as they are needed.
var keptDays = union({
  '${containers.inputs}': 14
  '${containers.inbox}': 7
  '${containers.rejected}': 30
  '${containers.deadLetters}': 30
}, videoRetentionDays > 0 ? {
  '${containers.videos}': videoRetentionDays
} : {})
var deploymentContainer = 'deployments'
var requestTopicName = 'evgt-requests-${token}'
var keyVaultName = 'kv-${token}'

var retirements = toObject(filter(split(retirementDates, ','), entry => contains(entry, '=')), entry => split(entry, '=')[0], entry => split(entry, '=')[1])
var retirementOf = toObject(videoModels, model => model.name, model => retirements[?model.name] ?? model.?retiresAt ?? '')
var regions = union(map(videoModels, model => model.location), [])
var modelAccountNames = map(regions, region => 'oai-${token}-${region}')

var azureUpstreams = map(videoModels, model => union({
  name: model.name
  dialect: model.dialect
  endpoint: 'https://oai-${token}-${model.location}.openai.azure.com'
  path_prefix: '/openai/v1'
  deployment: model.name
  model: model.model
  auth: {
    type: 'entra'
    scope: 'https://cognitiveservices.azure.com/.default'
  }
  max_running: model.maxRunning
  max_creates_per_minute: model.maxCreatesPerMinute
}, empty(retirementOf[model.name]) ? {} : { retires_at: retirementOf[model.name] }, empty(model.?successor ?? {}) ? {} : { successor: model.successor }, model.?extra ?? {}))

// A secret app setting is a reference to the vault's secret of the same name.
var callingBack = filter(otherUpstreams, upstream => !empty(upstream.?callback.?secret_setting ?? ''))
var secretNames = union(map(filter(otherUpstreams, upstream => upstream.auth.type == 'header'), upstream => upstream.auth.secret_setting), map(callingBack, upstream => upstream.callback.secret_setting), map(webhooks, webhook => webhook.secret_setting))
var secretSettings = toObject(secretNames, name => name, name => '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=${toLower(replace(name, '_', '-'))})')

var appSettings = union({
  UPSTREAMS: string(concat(azureUpstreams, otherUpstreams))
  CALLERS: '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=callers)'
  STORAGE_ACCOUNT_NAME: videoStorage.outputs.name
  MAX_JOB_USD: string(maxJobUsd)
  BUDGET_USD_PER_DAY: string(budgetUsdPerDay)
  QUEUE_DEADLINE_HOURS: string(queueDeadlineHours)
  JOB_DEADLINE_MINUTES: string(jobDeadlineMinutes)
  EVENT_TOPIC_ENDPOINT: eventGrid.outputs.eventTopicEndpoint
  EVENT_CALLERS: string(union(otherTopicCallers, empty(topicCaller) ? {} : { '${requestTopicName}': topicCaller }))
  WEBHOOKS: string(webhooks)
  CONTENT_DELIVERY: vnetEnabled ? 'stream' : 'redirect'
  CORS_ORIGINS: string(corsOrigins)
  INPUT_URL_HOSTS: join(inputUrlHosts, ',')
  ENTRA_AUDIENCE: entraAudience
  // a tenant without an audience is refused, so both or neither
  ENTRA_TENANT_ID: empty(entraAudience) ? '' : empty(entraTenantId) ? tenant().tenantId : entraTenantId
}, videoRetentionDays > 0 ? {
  VIDEO_RETENTION_DAYS: string(videoRetentionDays)
} : {}, secretSettings)

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'id-${token}'
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: 'log-${token}'
    componentName: 'appi-${token}'
    actionGroupName: 'ag-${token}'
    retentionDays: logRetentionDays
    alertEmail: alertEmail
  }
}

module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'sthost${token}'
    containers: [ deploymentContainer ]
    isPrivate: vnetEnabled
    replication: storageReplication
  }
}

module videoStorage 'modules/storage.bicep' = {
  name: 'video-storage'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'stvideo${token}'
    containers: map(items(containers), container => container.value)
    tables: tables
    deleteAfterDays: keptDays
    // where pages are served from: a base URL may have a path, an origin has none
    pageOrigins: vnetEnabled ? [] : union([ 'https://func-${token}.azurewebsites.net' ], empty(publicBaseUrl) ? [] : [ '${split(publicBaseUrl, '/')[0]}//${split(publicBaseUrl, '/')[2]}' ])
    isPrivate: vnetEnabled
    replication: storageReplication
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: keyVaultName
    isPrivate: vnetEnabled
    purgeProtection: keyVaultPurgeProtection
    workspaceId: monitoring.outputs.workspaceId
  }
}

module models 'modules/models.bicep' = [for (region, i) in regions: {
  name: 'models-${region}'
  scope: group
  params: {
    location: region
    tags: tags
    name: modelAccountNames[i]
    deployments: filter(videoModels, model => model.location == region && !contains(split(skippedModels, ','), model.name))
    isPrivate: vnetEnabled
  }
}]

module modelAccess 'modules/model-access.bicep' = [for (region, i) in regions: {
  name: 'model-access-${region}'
  scope: group
  params: {
    accountName: models[i].outputs.name
    principalId: identity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    role: modelRole
  }
}]

module existingModelAccess 'modules/model-access.bicep' = [for (accountId, i) in existingModelAccountIds: {
  name: 'existing-model-access-${i}'
  scope: resourceGroup(split(accountId, '/')[2], split(accountId, '/')[4])
  params: {
    accountName: last(split(accountId, '/'))
    principalId: identity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    role: modelRole
  }
}]

module eventGrid 'modules/event-grid.bicep' = {
  name: 'event-grid'
  scope: group
  params: {
    location: location
    tags: tags
    eventTopicName: 'evgt-events-${token}'
    requestTopicName: requestTopicName
    systemTopicName: 'egst-${token}'
    videoStorageName: videoStorage.outputs.name
    deadLetterContainer: containers.deadLetters
    publisherIds: requestPublisherIds
  }
}

module scheduler 'modules/durable-task-scheduler.bicep' = if (durableBackend == 'durableTaskScheduler') {
  name: 'durable-task-scheduler'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'dts-${token}'
    taskHubName: taskHubName
    principalId: identity.outputs.principalId
  }
}

module access 'modules/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    hostStorageName: hostStorage.outputs.name
    durableInStorage: durableBackend == 'azureStorage'
    videoStorageName: videoStorage.outputs.name
    writtenContainers: [
      containers.videos
      containers.inputs
      containers.rejected
      containers.files
    ]
    readContainers: [ containers.inbox ]
    tables: tables
    keyVaultName: keyVault.outputs.name
    componentName: monitoring.outputs.componentName
    eventTopicName: eventGrid.outputs.eventTopicName
  }
}

module operatorAccess 'modules/operator-access.bicep' = if (!empty(operatorPrincipalId)) {
  name: 'operator-access'
  scope: group
  params: {
    principalId: operatorPrincipalId
    videoStorageName: videoStorage.outputs.name
    containers: [
      containers.videos
      containers.rejected
      containers.deadLetters
    ]
    tables: tables
    keyVaultName: keyVault.outputs.name
    requestTopicName: eventGrid.outputs.requestTopicName
  }
}

var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var queueZone = 'privatelink.queue.${environment().suffixes.storage}'
var tableZone = 'privatelink.table.${environment().suffixes.storage}'
var vaultZone = 'privatelink.vaultcore.azure.net'
var modelZone = 'privatelink.openai.azure.com'

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'vnet-${token}'
    addressPrefix: vnetAddressPrefix
    zones: [
      blobZone
      queueZone
      tableZone
      vaultZone
      modelZone
    ]
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (vnetEnabled) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    subnetId: network!.outputs.endpointsSubnetId
    endpoints: concat([
      {
        name: 'pe-host-blob-${token}'
        resourceId: hostStorage.outputs.id
        groupId: 'blob'
        zone: blobZone
      }
      {
        name: 'pe-host-queue-${token}'
        resourceId: hostStorage.outputs.id
        groupId: 'queue'
        zone: queueZone
      }
      {
        name: 'pe-host-table-${token}'
        resourceId: hostStorage.outputs.id
        groupId: 'table'
        zone: tableZone
      }
      {
        name: 'pe-video-blob-${token}'
        resourceId: videoStorage.outputs.id
        groupId: 'blob'
        zone: blobZone
      }
      {
        name: 'pe-video-table-${token}'
        resourceId: videoStorage.outputs.id
        groupId: 'table'
        zone: tableZone
      }
      {
        name: 'pe-vault-${token}'
        resourceId: keyVault.outputs.id
        groupId: 'vault'
        zone: vaultZone
      }
    ], map(regions, region => {
      name: 'pe-models-${region}-${token}'
      resourceId: resourceId(subscription().subscriptionId, group.name, 'Microsoft.CognitiveServices/accounts', 'oai-${token}-${region}')
      groupId: 'account'
      zone: modelZone
    }))
  }
  dependsOn: [ models ]
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    location: location
    tags: tags
    planName: 'plan-${token}'
    name: 'func-${token}'
    serviceName: 'api'
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyDurable: alwaysReadyDurable
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    telemetryConnection: monitoring.outputs.connectionString
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    hostQueueEndpoint: hostStorage.outputs.queueEndpoint
    hostTableEndpoint: hostStorage.outputs.tableEndpoint
    deploymentContainer: deploymentContainer
    taskHubName: taskHubName
    schedulerEndpoint: durableBackend == 'durableTaskScheduler' ? scheduler!.outputs.endpoint : ''
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    publicBaseUrl: ownBaseUrl
    settings: appSettings
  }
  // roles and private endpoints first: a host that starts without them fails until its next restart
  dependsOn: [
    access
    privateEndpoints
  ]
}

module subscriptions 'modules/event-subscriptions.bicep' = if (eventSubscriptions) {
  name: 'event-subscriptions'
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    requestTopicName: eventGrid.outputs.requestTopicName
    systemTopicName: eventGrid.outputs.systemTopicName
    videoStorageName: videoStorage.outputs.name
    inboxContainer: containers.inbox
    deadLetterContainer: containers.deadLetters
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    displayName: 'Durable Video (${environmentName})'
    componentId: monitoring.outputs.componentId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    prefix: 'durable-video-${environmentName}'
    componentId: monitoring.outputs.componentId
    actionGroupId: monitoring.outputs.actionGroupId
    runbookUrl: runbookUrl
    queueDeadlineHours: queueDeadlineHours
    budgetUsdPerDay: budgetUsdPerDay
    requestTopicId: eventGrid.outputs.requestTopicId
    systemTopicId: eventGrid.outputs.systemTopicId
  }
}

module budget 'modules/budget.bicep' = {
  name: 'budget'
  scope: group
  params: {
    name: 'budget-${token}'
    amount: monthlyBudget
    startDate: budgetStartDate
    actionGroupId: monitoring.outputs.actionGroupId
    alertEmail: alertEmail
  }
}

@description('The group with everything in it.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The function app.')
output FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Resource id of the function app; the hooks look for its functions below it.')
output FUNCTION_APP_ID string = functionApp.outputs.id

@description('The version of Python it runs on; the code must be packaged for the same version.')
output FUNCTION_APP_PYTHON_VERSION string = pythonVersion

@description('Base URL of the API, for curl and for OpenAI\'s clients.')
output API_BASE_URL string = '${empty(ownBaseUrl) ? functionApp.outputs.url : ownBaseUrl}/openai/v1'

@description('The vault with CALLERS and the secrets.')
output KEY_VAULT_NAME string = keyVault.outputs.name

@description('The account of videos and tables, under the name of the app\'s setting: the commands of docs/operations.md read it.')
output STORAGE_ACCOUNT_NAME string = videoStorage.outputs.name

@description('The upstreams, under the name of the app\'s setting.')
output UPSTREAMS string = string(concat(azureUpstreams, otherUpstreams))

@description('Where results are announced: subscribe there.')
output EVENT_TOPIC_ENDPOINT string = eventGrid.outputs.eventTopicEndpoint

@description('How long finished videos are kept, under the name of the app\'s setting; empty: for ever.')
output VIDEO_RETENTION_DAYS string = videoRetentionDays > 0 ? string(videoRetentionDays) : ''

@description('How long a job may take, under the name of the app\'s setting.')
output JOB_DEADLINE_MINUTES string = string(jobDeadlineMinutes)

@description('Where requests may be published as events.')
output REQUEST_TOPIC_ENDPOINT string = eventGrid.outputs.requestTopicEndpoint

@description('That topic.')
output REQUEST_TOPIC_NAME string = eventGrid.outputs.requestTopicName

@description('The system topic of the inbox.')
output SYSTEM_TOPIC_NAME string = eventGrid.outputs.systemTopicName

@description('The container of files that become requests.')
output INBOX_CONTAINER string = containers.inbox

@description('The container of dead letters.')
output DEAD_LETTER_CONTAINER string = containers.deadLetters
