"""`python -m messaging.local.pacing`: whether the rate limits hold, whoever dies and forgets."""
