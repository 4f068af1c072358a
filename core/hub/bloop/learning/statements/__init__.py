"""What people did, as statements of xAPI: those that others tell, and those of the hub itself."""
