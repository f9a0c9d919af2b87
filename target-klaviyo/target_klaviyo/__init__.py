"""Singer target for Klaviyo."""
