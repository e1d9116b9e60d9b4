"""Where something stands in a file, and what is wrong with it."""
