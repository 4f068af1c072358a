"""The face for programs: REST below ``/api/v1``, health, metrics, and plugins' own routes."""
