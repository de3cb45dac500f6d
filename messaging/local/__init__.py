"""What `messaging up` starts on a bare machine: Postgres, Valkey, the Twilio simulator."""
