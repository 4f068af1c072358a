"""A picture of what there is to learn, and of how far somebody is in it."""
