"""Models of mastery that plugins train on an institution's own answers, and which one is in use."""
