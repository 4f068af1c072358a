"""What somebody comes back to: where they were, what is due, what to do next."""
