"""`messaging template`: texts with variables, kept in the database with all their versions."""
