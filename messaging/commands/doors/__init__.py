"""What each command takes: names, options, help. Each calls one function, imported then."""
