"""What a kilowatt-hour costs, and what it brings when it is fed in."""
