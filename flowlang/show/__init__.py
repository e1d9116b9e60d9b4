"""Views: they read values and events, and write text."""
