"""From a course to its graph of concepts: without a key, better with embeddings or a model.

What is inferred is a suggestion to a teacher: each concept and each edge says why.
"""

from bloop.graph.inference.course import (
    PART_OF,
    PREREQUISITE,
    RELATED,
    Concept,
    Course,
    Coverage,
    Document,
    Edge,
    Embed,
    Evidence,
    Generate,
    GlossaryEntry,
    Inferred,
    Outcome,
)
from bloop.graph.inference.infer import VERSION, infer

__all__ = [
    "PART_OF",
    "PREREQUISITE",
    "RELATED",
    "VERSION",
    "Concept",
    "Course",
    "Coverage",
    "Document",
    "Edge",
    "Embed",
    "Evidence",
    "Generate",
    "GlossaryEntry",
    "Inferred",
    "Outcome",
    "infer",
]
