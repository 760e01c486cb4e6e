"""What the notebooks import: data, plots, training, runs, checks and explorers."""
