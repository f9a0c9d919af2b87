"""Lists read by many connections at once and handed on in order of time."""
