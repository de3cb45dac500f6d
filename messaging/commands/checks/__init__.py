"""What `messaging check` looks at: a module for each part, a finding for each line."""
