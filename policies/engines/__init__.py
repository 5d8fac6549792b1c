"""The model runtimes that policies and scorers share, the batching queue, and where steps end."""
