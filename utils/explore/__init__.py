"""Explorers of latent spaces: widgets in the notebook, one module in the browser."""
