"""From a configuration to a running container: plan, steps, and the processes that carry them out."""
