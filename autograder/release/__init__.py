"""What is built from the masters: notebooks, the student bundle, the demo, the page."""
