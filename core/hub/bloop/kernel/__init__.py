"""The machinery of plugins, to be read in one sitting.

``discovery`` finds what is installed, ``loader`` imports it, ``dispatch`` compiles and calls hooks,
``registry`` holds what ready plugins offer, ``calls`` guards what their providers do, and
``kernel`` brings all of it to what is ``wanted``. Beneath them: ``states`` (both state machines),
``breaker``, ``answers`` and ``faults`` (what is said of failures), ``journal``, ``watchdog`` and
``culprits`` (what a process died of, and by whom), ``stdlib_guard`` (what belongs to everybody),
``context`` and ``host`` (what plugins and kernel are handed). ``config`` and its kin read
``hub.toml``.
"""
