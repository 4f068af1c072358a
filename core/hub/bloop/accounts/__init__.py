"""People, institutions, and who may do what."""
