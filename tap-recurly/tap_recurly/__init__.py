"""Singer tap for Recurly."""
