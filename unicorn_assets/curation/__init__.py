"""Which rows are good enough, and why the rest is not. Pure functions with a reason and a threshold each."""
