"""Measures the engines against others; `make bench-local` and `make bench-vllm` run it."""
