"""The figures of serving, side by side in one run: ``python -m benches.figures``."""
