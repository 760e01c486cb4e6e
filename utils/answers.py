"""Version 1.0's name of `utils.hand_in.answers`: it goes in 2.0."""

import importlib
import sys

sys.modules[__name__] = importlib.import_module("utils.hand_in.answers")
