"""When what somebody learned is due again, by FSRS."""
