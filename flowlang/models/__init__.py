"""Who answers: requests and replies, the offline model, answers against types."""
