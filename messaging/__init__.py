"""Texts people reliably through Twilio, from Postgres: once, not zero times and not twice."""
