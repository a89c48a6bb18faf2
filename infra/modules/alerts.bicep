// The alerts. Each is a query that fires when it returns rows, and links to its section in
// docs/operations.md.

@description('Region of the rules.')
param location string

@description('Tags of every resource.')
param tags object

@description('Prefix of every rule\'s name.')
param prefix string

@description('The Application Insights component to query.')
param componentId string

@description('The action group to notify.')
param actionGroupId string

@description('URL of docs/operations.md.')
param runbookUrl string

@description('QUEUE_DEADLINE_HOURS of the app.')
param queueDeadlineHours int

@description('BUDGET_USD_PER_DAY of the app; 0 or less: the ceiling has no alert.')
param budgetUsdPerDay int

@description('The topic that requests come in on.')
param requestTopicId string

@description('The system topic of the inbox.')
param systemTopicId string

var rules = [
  {
    name: 'videos-fail'
    text: 'Videos fail for reasons that are not their callers\'.'
    severity: 1
    every: 'PT5M'
    window: 'PT30M'
    enabled: true
    query: loadTextContent('../queries/alert-failures.kql')
  }
  {
    name: 'a-video-is-stuck'
    text: 'A video lost three workers or more.'
    severity: 2
    every: 'PT15M'
    window: 'PT6H'
    enabled: true
    query: loadTextContent('../queries/alert-stuck.kql')
  }
  {
    name: 'the-line-is-old'
    text: 'The first in line has waited for 80 % of QUEUE_DEADLINE_HOURS.'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    enabled: true
    query: replace(loadTextContent('../queries/alert-line.kql'), '{queue_deadline_hours}', string(queueDeadlineHours))
  }
  {
    name: 'the-sweep-is-silent'
    text: 'The sweep was not heard of for 30 minutes: nobody repairs anything.'
    severity: 1
    every: 'PT10M'
    window: 'PT30M'
    enabled: true
    query: loadTextContent('../queries/alert-sweep.kql')
  }
  {
    name: 'a-job-expires'
    text: 'A job that is not collected yet expires soon, or is lost.'
    severity: 0
    every: 'PT5M'
    window: 'PT15M'
    enabled: true
    query: loadTextContent('../queries/alert-expiry.kql')
  }
  {
    name: 'the-daily-ceiling-is-near'
    text: '80 % of BUDGET_USD_PER_DAY is taken.'
    severity: 2
    every: 'PT15M'
    window: 'P1D'
    enabled: budgetUsdPerDay > 0
    query: replace(loadTextContent('../queries/alert-ceiling.kql'), '{budget_usd_per_day}', string(budgetUsdPerDay))
  }
  {
    name: 'an-upstream-throttles'
    text: 'A deployment answers 429 although the app keeps within its limits.'
    severity: 3
    every: 'PT15M'
    window: 'PT1H'
    enabled: true
    query: loadTextContent('../queries/alert-throttled.kql')
  }
  {
    name: 'a-deployment-is-out'
    text: 'A deployment is gone (410), or turns everybody away for more than ten minutes.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    enabled: true
    query: loadTextContent('../queries/alert-out.kql')
  }
  {
    name: 'a-model-retires'
    text: 'A model retires within 30 days.'
    severity: 3
    every: 'PT1H'
    window: 'PT6H'
    enabled: true
    query: replace(replace(loadTextContent('../queries/alert-retires.kql'), '{from}', '7'), '{to}', '30')
  }
  {
    name: 'a-model-retires-in-a-week'
    text: 'A model retires within 7 days, or did yesterday.'
    severity: 1
    every: 'PT1H'
    window: 'PT6H'
    enabled: true
    query: replace(replace(loadTextContent('../queries/alert-retires.kql'), '{from}', '-1'), '{to}', '7')
  }
  {
    name: 'the-app-fails'
    text: 'A setting is wrong, or an exception of the app itself was answered with 500.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    enabled: true
    query: loadTextContent('../queries/alert-faults.kql')
  }
]

var undelivered = [
  {
    name: 'request-topic-dead-letters'
    scope: requestTopicId
    namespace: 'Microsoft.EventGrid/topics'
    metric: 'DeadLetteredCount'
  }
  {
    name: 'request-topic-drops'
    scope: requestTopicId
    namespace: 'Microsoft.EventGrid/topics'
    metric: 'DroppedEventCount'
  }
  {
    name: 'inbox-dead-letters'
    scope: systemTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DeadLetteredCount'
  }
  {
    name: 'inbox-drops'
    scope: systemTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DroppedEventCount'
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${prefix}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${prefix}: ${rule.name}'
    description: '${rule.text} What to do: ${runbookUrl}#${rule.name}'
    enabled: rule.enabled
    severity: rule.severity
    scopes: [ componentId ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    // otherwise an empty component is refused; a test parses the queries
    skipQueryValidation: true
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [ actionGroupId ]
      customProperties: {
        runbook: '${runbookUrl}#${rule.name}'
      }
    }
  }
}]

resource deadLetterAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in undelivered: {
  name: '${prefix}-${alert.name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid gave an event up (${alert.metric}). What to do: ${runbookUrl}#an-event-is-poisoned'
    enabled: true
    severity: 2
    scopes: [ alert.scope ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: alert.metric
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: alert.namespace
          metricName: alert.metric
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}]
