"""Version 1.0's name of `utils.explore.explorers`: it goes in 2.0."""

import importlib
import sys

sys.modules[__name__] = importlib.import_module("utils.explore.explorers")
