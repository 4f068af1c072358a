"""Tests of the whole; a distribution may have tests of its own beside it."""
