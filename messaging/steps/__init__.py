"""Steps that several verbs of the story share: preparing a bare row, sending a claim."""
