"""Has Twilio take fewer requests at once than we would send, and measures what is made of it."""
