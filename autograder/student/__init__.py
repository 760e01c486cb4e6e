"""All that a student's process may see: neutral code, staged into the box as this one folder."""
