"""The engines against others, and a sweep that is killed; run by make."""
