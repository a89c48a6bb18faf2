// A private endpoint for each service that the app uses. network.bicep creates the DNS zones.

@description('Region of the network.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the subnet for private endpoints.')
param subnetId string

@description('Endpoints to create: name, resourceId, groupId (the part of the service), zone (its DNS zone).')
param endpoints array

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' existing = [for endpoint in endpoints: {
  name: endpoint.zone
}]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-07-01' = [for endpoint in endpoints: {
  name: endpoint.name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: endpoint.name
        properties: {
          privateLinkServiceId: endpoint.resourceId
          groupIds: [ endpoint.groupId ]
        }
      }
    ]
  }
}]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [for (endpoint, i) in endpoints: {
  parent: privateEndpoints[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: endpoint.groupId
        properties: {
          privateDnsZoneId: zones[i].id
        }
      }
    ]
  }
}]
