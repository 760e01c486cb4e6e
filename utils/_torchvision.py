"""Import torchvision even where its compiled operators do not match the installed torch."""

import importlib
import sys
from functools import cache

import torch


def load(module="torchvision"):
    """Import `module` (torchvision or a part of it, such as "torchvision.datasets") and return it.

    A torchvision built for another torch fails with "operator torchvision::nms does not exist".
    Datasets and transforms need no compiled operator, so declaring the missing ones is enough.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as problem:
        if "torchvision::nms" not in str(problem):
            raise
    for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # halves of the failed import
    _declare()
    return importlib.import_module(module)


@cache  # the registration lasts only as long as this object
def _declare():
    schemas = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        schemas.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return schemas
