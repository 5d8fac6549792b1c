"""What `import stepsearch` adds to the public names of the packages: solve, sweep and runs."""
