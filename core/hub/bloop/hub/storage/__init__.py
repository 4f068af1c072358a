"""What the hub stores, by area, plugin and course: counted now and then, and kept as it was."""
