"""The graph of concepts: what has to be known before what, and what can be learned next."""
