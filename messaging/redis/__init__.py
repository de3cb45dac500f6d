"""What is shared between workers and may be lost: the throttle and the breakers."""
