"""Files of messages: CSV and JSON Lines, read a row at a time, however long they are."""
