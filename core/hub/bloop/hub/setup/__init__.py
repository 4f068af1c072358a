"""The way from an empty hub to a first lesson in a learner's hands: steps that know their state."""
