"""Keeping the daemon running for years: copies, exports, thinning, metrics, and being found in the house."""
