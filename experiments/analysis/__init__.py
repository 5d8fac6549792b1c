"""From results to figures, with their intervals; no file is written and nothing is shown here."""
