"""From results to numbers with intervals; nothing is written or shown here."""
