"""The graph of concepts: what a course is about, and what has to be known before what."""
