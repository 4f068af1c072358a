"""Builds an IMS Common Cartridge 1.3 from the plain-text course in ``examples/course``."""
