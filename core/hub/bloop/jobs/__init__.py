"""The job ledger and its runners."""
