"""flowlang: prompt workflows as readable text, compiled to a graph of model calls and run."""

__version__ = "0.1.0"
