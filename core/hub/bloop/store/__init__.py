"""The ground: one database, one unit of work, registered reads, blobs, migrations."""
