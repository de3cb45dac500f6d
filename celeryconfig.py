"""Celery's settings."""
