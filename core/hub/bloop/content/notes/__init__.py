"""Notes that are edited here and in the system that they come from: changed, merged, sent.

Models, commands (``service``), what waits to be sent (``waiting``), its sending (``sending``), what
comes in meanwhile (``arriving``), three texts made into one (``merge``), and the routes.
"""
