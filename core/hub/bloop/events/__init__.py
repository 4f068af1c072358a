"""Consumers of the log of events: each takes every event of its topics, in order, once.

``docs/decisions/0006-events.md`` says how, ``docs/operations/events.md`` what to do when one fails.
"""
