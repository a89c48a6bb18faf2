"""Delivery of announcements: the Event Grid topic and webhooks."""
