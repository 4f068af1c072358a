"""How well a learner knows a concept: the core's model, and the choice among models."""
