"""Progress and mastery: what learners have done, what they know of each concept."""
