"""What nbgrader loads, by the names in `nbgrader_config.py`."""
