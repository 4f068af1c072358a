"""The content tree: import, sync, authoring, reading."""
