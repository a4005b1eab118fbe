"""Training against a clock: pool, loop, optimiser, guards, checkpoints."""
