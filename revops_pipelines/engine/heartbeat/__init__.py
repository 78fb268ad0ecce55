"""The dead man's heartbeat: a look at the machinery from outside of it."""
