"""Lets the simulated Twilio fail in mid-run, and measures what the breaker makes of it."""
