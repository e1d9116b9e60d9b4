"""What was asked and answered, kept: one SQLite file, and what is too large for it beside it."""
