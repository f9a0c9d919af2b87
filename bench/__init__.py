"""Side-by-side benchmarks of the tap and the target: `python -m bench`."""
