"""How hemsd reaches the world: meters, inverters, batteries, wallboxes, tariffs, and a simulated home."""
