"""A run: its folder, its name, its settings, its weights."""
