// What Azure says it costs, from the first of each month: a message at 80 % and when 100 % is in
// sight. The app's own ceilings (BUDGET_USD_PER_DAY and others) act at once; this one only tells.

@description('Name of the budget.')
param name string

@description('Amount of a month, in the currency of the subscription.')
@minValue(1)
param amount int

@description('First day of the first month, as 2026-11-01. It must stay what it was when the budget was made.')
param startDate string

@description('Who is told.')
param actionGroupId string

@description('Address that is told beside the action group; empty: nobody.')
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
