// A budget for Azure's monthly costs: a message at 80 %, and when 100 % is forecast. The app's own
// ceilings (BUDGET_USD_PER_DAY and others) act at once; this one only notifies.

@description('Name of the budget.')
param name string

@description('Amount per month, in the currency of the subscription.')
@minValue(1)
param amount int

@description('First day of the first month, as 2026-11-01. It cannot change once the budget exists.')
param startDate string

@description('The action group to notify.')
param actionGroupId string

@description('Address to notify in addition to the action group; empty: none.')
param alertEmail string

resource budget 'Microsoft.Consumption/budgets@2023-11-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: startDate
    }
    notifications: {
      spent80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: empty(alertEmail) ? [] : [ alertEmail ]
        contactGroups: [ actionGroupId ]
      }
      forecast100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: empty(alertEmail) ? [] : [ alertEmail ]
        contactGroups: [ actionGroupId ]
      }
    }
  }
}
