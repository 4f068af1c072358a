"""Search over all content: documents made of rows, an index in the hub's database, and its reads.

A consumer of ``content.*`` keeps the index (:mod:`bloop.content.search.index`); who asks gets what
they may see at that moment (:mod:`bloop.content.search.service`), from this index or from a
plugin's that is whole.
"""
