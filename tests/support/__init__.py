"""What several tests and benchmarks share, and commands that try what takes longer than a test."""
