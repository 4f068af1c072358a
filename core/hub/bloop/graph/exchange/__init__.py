"""The graph in the forms of others: JSON-LD (SKOS), GraphML, and JSON shaped as 1EdTech's CASE."""
