"""From a lesson to a narrated video."""
