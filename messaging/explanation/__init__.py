"""What happened to a message and what happens next, in plain words, from its row and journal."""
