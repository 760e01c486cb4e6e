"""What answers to `autodecoder` begin with."""

from .. import Mutant, Variant

HEAD = """
import copy
import math
import numpy as np
import torch
import torch.distributions as D
from torch import nn
import torch.nn.functional as F
"""


def writer(question, signature):
    """(mutant, variant) makers for one function: from its body, without indent, or one expression."""

    def source(body):
        if "return" not in body and "\n" not in body:
            body = f"return {body}"
        lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
        return f"{HEAD}\ndef {signature}:\n{lines}\n"

    def mutant(why, check, mistake, body):
        return Mutant(f"autodecoder.{question}", why, check, mistake, source(body))

    def variant(why, body):
        return Variant(f"autodecoder.{question}", why, source(body))

    return mutant, variant


FACTOR = """
diagonal = torch.diagonal(tril, dim1=1, dim2=2)
L = torch.tril(tril, -1) + torch.diag_embed(torch.exp(diagonal))
"""

# what a student writes instead of L; the same for the sample and the KL
FACTORS = (
    ("upper part kept", "upper-kept",
     "L = tril - torch.diag_embed(diagonal) + torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal as it comes", "diagonal-not-exponentiated", "L = torch.tril(tril)"),
    ("everything exponentiated", "all-exponentiated", "L = torch.tril(torch.exp(tril))"),
    ("diagonal counted twice", "diagonal-twice", "L = torch.tril(tril) + torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal only", "diagonal-only", "L = torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal as log-variance", "diagonal-halved",
     "L = torch.tril(tril, -1) + torch.diag_embed(torch.exp(0.5 * diagonal))"),
    ("softplus for exp", "softplus", "L = torch.tril(tril, -1) + torch.diag_embed(F.softplus(diagonal))"),
)
