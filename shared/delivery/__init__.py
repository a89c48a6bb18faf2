"""Telling the outside: the Event Grid topic and webhooks."""
