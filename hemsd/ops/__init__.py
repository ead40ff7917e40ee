"""Keeping the daemon running for years: copies, exports, thinning, metrics, and being found by the rest of the house."""
