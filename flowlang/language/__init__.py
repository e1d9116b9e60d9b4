"""From text to a checked flow. Pure: no I/O, no clock, and the author's mistakes are values, never exceptions."""
