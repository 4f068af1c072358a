"""Health, topology and what operators need."""
