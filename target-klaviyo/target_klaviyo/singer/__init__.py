"""From Singer messages to rows: lines, messages, records, and what a transform makes of them."""
