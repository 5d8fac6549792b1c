"""What `stepsearch report` writes: the data of a run, the templates, styles and scripts of its page."""
