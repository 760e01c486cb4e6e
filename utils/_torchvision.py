"""Import torchvision even where its compiled operators do not match the installed torch."""

import importlib
import sys

import torch

_schemas = None  # the registration lasts only as long as this object


def load(module="torchvision"):
    """Import `module` (torchvision or a part of it, such as "torchvision.datasets") and return it.

    A torchvision built for another torch fails with "operator torchvision::nms does not exist".
    Datasets and transforms need no compiled operator, so declaring the missing ones is enough.
    """
    global _schemas
    try:
        return importlib.import_module(module)
    except RuntimeError as problem:
        if _schemas is not None or "torchvision::nms" not in str(problem):
            raise
    for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # halves of the failed import
    _schemas = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        _schemas.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module(module)
