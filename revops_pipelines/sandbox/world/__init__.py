"""The simulated company itself: what really happened, before any vendor's API shows it."""
