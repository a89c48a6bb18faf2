"""Shared by the HTTP functions: authentication, request bodies, and answers."""
