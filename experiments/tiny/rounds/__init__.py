"""The loop from search to reward model and back in miniature: search, label, train, evaluate."""
