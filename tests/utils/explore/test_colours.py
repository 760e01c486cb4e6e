"""Class colours can be seen on their ground, and told apart, also without a sense of green."""

import itertools

import numpy as np
import pytest

from utils.explore import browser

GROUNDS = {"light": ["#ffffff"], "dark": ["#15191f", "#111111"]}
# what deuteranopia makes of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
LMS = np.array(  # linear RGB to OKLab: Ottosson 2020
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722]


def oklab(rgb):
    return LAB @ np.cbrt(LMS @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("theme", GROUNDS)
def test_each_class_colour_has_contrast_with_its_ground(theme):
    for colour, ground in itertools.product(browser.colours(theme), GROUNDS[theme]):
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) >= 3, (colour, ground)


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("sight", ["usual", "deuteranopia"])
def test_class_colours_are_told_apart(theme, sight):
    seen = [linear(colour) for colour in browser.colours(theme)]
    if sight == "deuteranopia":
        seen = [DEUTERANOPIA @ rgb for rgb in seen]
    for a, b in itertools.combinations(range(10), 2):
        distance = np.linalg.norm(oklab(seen[a]) - oklab(seen[b]))
        assert distance > 0.08, (a, b, distance)  # a just noticeable difference is 0.02
