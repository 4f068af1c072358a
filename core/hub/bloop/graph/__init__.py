"""The graph of concepts: what there is to know, what comes first, and which content covers it."""
