// The workbook in the portal. Its queries are separate files that can be read, pasted and tested; see
// infra/queries.

@description('Region of the workbook.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name that the portal shows.')
param displayName string

@description('The Application Insights component to query.')
param componentId string

var sections = [
  {
    title: 'Health'
    text: 'Left: how videos ended. Right: why they failed, and what callers were refused.'
    charts: [
      {
        title: 'Videos by ending'
        query: loadTextContent('../queries/outcomes.kql')
        kind: 'barchart'
        width: '50'
      }
      {
        title: 'Failures by cause'
        query: loadTextContent('../queries/failures.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Requests'
        query: loadTextContent('../queries/requests.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Refused requests'
        query: loadTextContent('../queries/refusals.kql')
        kind: 'table'
        width: '50'
      }
    ]
  }
  {
    title: 'Queue'
    text: 'A long line is no fault: limits allow two renders at a time and deployment by default. An old head of the line is one.'
    charts: [
      {
        title: 'The line'
        query: loadTextContent('../queries/line.kql')
        kind: 'timechart'
        width: '50'
      }
      {
        title: 'Hours until the oldest uncollected job expires'
        query: loadTextContent('../queries/expiry.kql')
        kind: 'timechart'
        width: '50'
      }
      {
        title: 'Waiting for the turn'
        query: loadTextContent('../queries/waits.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Upstreams that throttled or refused'
        query: loadTextContent('../queries/upstreams.kql')
        kind: 'table'
        width: '50'
      }
    ]
  }
  {
    title: 'Throughput'
    text: 'What a render takes, how late its end is noticed, and how fast it is copied.'
    charts: [
      {
        title: 'Renders, detection lag, polls'
        query: loadTextContent('../queries/renders.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Copies into Blob Storage'
        query: loadTextContent('../queries/copies.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Slowest videos'
        query: loadTextContent('../queries/slowest.kql')
        kind: 'table'
        width: '100'
      }
    ]
  }
  {
    title: 'Cost'
    text: 'As the log tells it. The table `ledger` is the account.'
    charts: [
      {
        title: 'Settled US dollars by day and model'
        query: loadTextContent('../queries/spend.kql')
        kind: 'barchart'
        width: '50'
      }
      {
        title: 'By day, model and caller'
        query: loadTextContent('../queries/costs.kql')
        kind: 'table'
        width: '50'
      }
    ]
  }
  {
    title: 'Events'
    text: 'Left: what was announced on the topic and to webhooks. Right: requests that came as events and could not be taken.'
    charts: [
      {
        title: 'Announcements'
        query: loadTextContent('../queries/announcements.kql')
        kind: 'table'
        width: '50'
      }
      {
        title: 'Rejected events and files'
        query: loadTextContent('../queries/rejections.kql')
        kind: 'table'
        width: '50'
      }
    ]
  }
  {
    title: 'Repairs'
    text: 'What the app put right by itself, or could not. A few are normal after a deployment.'
    charts: [
      {
        title: 'Interventions'
        query: loadTextContent('../queries/interventions.kql')
        kind: 'table'
        width: '100'
      }
    ]
  }
  {
    title: 'One video'
    text: 'Its life, end to end: put its id into the field `video_id` above.'
    charts: [
      {
        title: 'Every line about {video_id}'
        query: loadTextContent('../queries/one-video.kql')
        kind: 'table'
        width: '100'
      }
    ]
  }
]

var parameters = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.insights/components'
    parameters: [
      {
        id: guid('TimeRange')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: {
          durationMs: 86400000
        }
        typeSettings: {
          allowCustom: true
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 14400000 }
            { durationMs: 86400000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
          ]
        }
      }
      {
        id: guid('video_id')
        version: 'KqlParameterItem/1.0'
        name: 'video_id'
        label: 'video_id'
        type: 1
        isRequired: false
        value: ''
      }
    ]
  }
}

var shown = flatten(map(sections, section => concat([
  {
    type: 1
    name: 'about-${toLower(section.title)}'
    content: {
      json: '## ${section.title}\n${section.text}'
    }
  }
], map(section.charts, chart => {
  type: 3
  name: chart.title
  customWidth: chart.width
  content: {
    version: 'KqlItem/1.0'
    query: chart.query
    title: chart.title
    size: 0
    visualization: chart.kind
    timeContextFromParameter: 'TimeRange'
    queryType: 0
    resourceType: 'microsoft.insights/components'
  }
}))))

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // a workbook's name must be a GUID; this one stays the same for the same component
  name: guid(componentId, 'durable-video')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: componentId
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([ parameters ], shown)
      fallbackResourceIds: [ componentId ]
    })
  }
}
