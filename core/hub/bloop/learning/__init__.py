"""What learners did, what they know by that, when it is due again, and what to do next."""
