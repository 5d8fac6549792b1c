"""Training of reward models on exported labels, on Transformers' Trainer."""
