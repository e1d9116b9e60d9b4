"""What a run would do: the steps as a graph, and their requests."""
