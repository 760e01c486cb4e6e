"""What answers to `vae` begin with, and what is built upon."""

from .. import Mutant, Variant

HEAD = """
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import distributions as D

"""


def indented(body):
    return "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))


def function(signature, body):
    return HEAD + f"def {signature}:\n{indented(body)}"


def mutants(question, signature, *rows):
    """rows: (why, check, mistake, body of the function)."""
    return tuple(
        Mutant(question, why, check, mistake, function(signature, body))
        for why, check, mistake, body in rows
    )


def variants(question, signature, *rows):
    return tuple(Variant(question, why, function(signature, body)) for why, body in rows)


BCE = "F.binary_cross_entropy_with_logits"
UP = """
def kl_gaussian(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)

def bernoulli_log_likelihood(x, logits):
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)

def reparametrize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

"""
