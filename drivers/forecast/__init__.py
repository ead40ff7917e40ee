"""What the sun is expected to give."""
