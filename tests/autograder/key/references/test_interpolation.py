"""The reference of `interpolation` against oracles that share no line with it."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.spatial.transform import Rotation, Slerp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC

from autograder.key.interpolation.interpolate import interpolate
from autograder.key.interpolation.linear_probe import PROBE_MARGIN, _draw_probe, linear_probe
from autograder.key.interpolation.walks import lerp, slerp


def test_lerp_is_numpys_linspace():
    rng = np.random.default_rng(0)
    z0, z1 = rng.normal(size=(2, 6))
    rows = lerp(torch.tensor(z0), torch.tensor(z1), 9)
    np.testing.assert_allclose(rows, np.linspace(z0, z1, 9))
    assert torch.equal(rows[0], torch.tensor(z0)) and torch.equal(rows[-1], torch.tensor(z1))


def test_slerp_is_scipys_interpolation_of_rotations_in_four_dimensions():
    """A quaternion is a rotation up to sign; with an acute angle scipy takes the same way round."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        q0, q1 = rng.normal(size=(2, 4))
        q1 *= np.sign(q0 @ q1)
        u0, u1 = q0 / np.linalg.norm(q0), q1 / np.linalg.norm(q1)
        turns = Slerp([0, 1], Rotation.from_quat([u0, u1]))(np.linspace(0, 1, 7)).as_quat()
        turns *= np.sign(turns @ u0)[:, None]
        lengths = np.linspace(np.linalg.norm(q0), np.linalg.norm(q1), 7)[:, None]
        rows = slerp(torch.tensor(q0), torch.tensor(q1), 7)
        np.testing.assert_allclose(rows, turns * lengths, atol=1e-9)


def test_slerp_is_a_rotation_in_the_plane_of_both_ends():
    rng = np.random.default_rng(2)
    a, b = np.linalg.qr(rng.normal(size=(5, 2)))[0].T
    generator, angle = np.outer(b, a) - np.outer(a, b), 2.2  # rotates a towards b
    z0, z1 = 2 * a, 3 * expm(angle * generator) @ a
    rows = slerp(torch.tensor(z0), torch.tensor(z1), 5)
    for t, row in zip(np.linspace(0, 1, 5), rows, strict=True):
        np.testing.assert_allclose(row, (2 + t) * expm(t * angle * generator) @ a, atol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 1.7, 0.3])
def test_slerp_along_one_direction_is_lerp(factor):
    z0 = torch.randn(9, generator=torch.Generator().manual_seed(0))
    rows = slerp(z0, factor * z0, 6)
    torch.testing.assert_close(rows, lerp(z0, factor * z0, 6))


def test_float32_agrees_with_float64():
    z0, z1 = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    for walk in (lerp, slerp):
        exact = walk(z0.double(), z1.double(), 11)
        torch.testing.assert_close(walk(z0, z1, 11).double(), exact, rtol=1e-5, atol=1e-5)


def test_interpolate_decodes_every_row_once():
    images = interpolate(
        lambda x: x.flatten(1)[:, :2] * 4,
        lambda z: z.sum(1).view(-1, 1, 1, 1).expand(-1, 1, 28, 28),
        torch.zeros(1, 1, 28, 28),
        torch.ones(1, 1, 28, 28),
        5,
    )
    oracle = 1 / (1 + np.exp(-np.array([0.0, 2, 4, 6, 8])))
    np.testing.assert_allclose(images[:, 0, 3, 3], oracle, rtol=1e-6)


LINEAR = {
    "logistic": LogisticRegression(max_iter=2000),
    "unregularised": LogisticRegression(C=1e5, max_iter=5000),
    "SVM": LinearSVC(),
    "linear kernel": SVC(kernel="linear"),
    "ridge": RidgeClassifier(),
    "discriminant": LinearDiscriminantAnalysis(),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
}
CURVED = {
    "neighbours": KNeighborsClassifier(5),
    "kernel": SVC(),
    "forest": RandomForestClassifier(50, random_state=0),
    "quadratic discriminant": QuadraticDiscriminantAnalysis(),
    "naive Bayes": GaussianNB(),
    "products of latents": make_pipeline(
        PolynomialFeatures(2), StandardScaler(), LogisticRegression(max_iter=300)
    ),
}


@pytest.mark.parametrize("seed", range(2))
def test_every_linear_classifier_gets_the_same_accuracy_and_no_other_does(seed):
    """The margin of the accuracy check, measured: linear well within it, others beyond."""
    inputs = _draw_probe(np.random.default_rng(seed))
    most = dict.fromkeys(CURVED, 0.0)
    for label in inputs["sets"]:
        z_train, y_train, z_test, y_test = (
            inputs[f"{label}.{key}"] for key in ("z_train", "y_train", "z_test", "y_test")
        )
        parts = (
            torch.tensor(part).float() if part.dtype.kind == "f" else torch.tensor(part)
            for part in (z_train, y_train, z_test, y_test)
        )
        right = linear_probe(*parts)
        for name, classifier in LINEAR.items():
            score = classifier.fit(z_train, y_train).score(z_test, y_test)
            assert abs(score - right) < 0.75 * PROBE_MARGIN, name
        for name, classifier in CURVED.items():
            score = classifier.fit(z_train, y_train).score(z_test, y_test)
            most[name] = max(most[name], score - right)
        trained = LINEAR["logistic"].fit(z_train, y_train).score(z_train, y_train)
        assert trained - right > 1.5 * PROBE_MARGIN
        if label == "traded":
            leaked = LINEAR["logistic"].fit(z_test, y_test).score(z_test, y_test)
            assert leaked - right > 1.5 * PROBE_MARGIN
    assert min(most.values()) > 1.3 * PROBE_MARGIN, most
