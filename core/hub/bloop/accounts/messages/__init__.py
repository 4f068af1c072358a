"""Messages to people: kept sealed, brought by a job through whichever plugin is a notifier."""
