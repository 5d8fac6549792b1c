"""What is asked: generated arithmetic, files, published sets, and saved solutions with labels."""
