"""The system of record: connections, migrations, and one function for each named query."""
