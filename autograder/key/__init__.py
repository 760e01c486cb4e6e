"""The answer key: what is asked, what is right, and which mistakes have a name."""
