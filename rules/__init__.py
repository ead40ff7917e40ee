"""What hemsd decides: pure functions of settings, memory and a snapshot. No clocks, no sockets, no logging."""
