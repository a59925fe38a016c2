"""Drawing into arrays."""
