"""Ways to tell people about alerts: a signed webhook, and a program of theirs."""
