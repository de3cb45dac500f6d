"""What answers HTTP: webhooks from Twilio, health and metrics."""
