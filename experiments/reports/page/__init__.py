"""The HTML page of `stepsearch report`: its data, templates, styles and scripts."""
