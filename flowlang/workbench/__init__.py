"""What a person types: the only folder that reads argv, the environment or the real clock."""
