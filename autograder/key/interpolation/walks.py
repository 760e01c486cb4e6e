"""Walks from one latent to another: right ones, wrong ones, and what they are tested for.

Spherical interpolation: Shoemake 1985, "Animating rotation with quaternion curves", section 3.3."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from autograder.key.question import close, nothing_tensor, same_arrays, well_formed


def lerp(z0, z1, steps):
    """Equal steps on a straight line, both ends included. (nz,) and (nz,) -> (steps, nz)."""
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (1 - t) * z0 + t * z1


def lerp_by_steps(z0, z1, steps):
    return torch.stack([z0 + (z1 - z0) * i / (steps - 1) for i in range(steps)])


def slerp(z0, z1, steps):
    """Equal angles on a great circle, the length going evenly from one end's to the other's."""
    length0, length1 = z0.norm(), z1.norm()
    angle = torch.dot(z0 / length0, z1 / length1).clamp(-1, 1).arccos()
    if angle.sin() < 1e-4:
        return lerp(z0, z1, steps)
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    turned = ((1 - t) * angle).sin() * z0 / length0 + (t * angle).sin() * z1 / length1
    return ((1 - t) * length0 + t * length1) * turned / angle.sin()


def turned(z0, z1, steps):
    """Shoemake's weights on latents as they are, whose lengths differ."""
    angle = (torch.dot(z0, z1) / (z0.norm() * z1.norm())).clamp(-1, 1).arccos()
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (((1 - t) * angle).sin() * z0 + (t * angle).sin() * z1) / angle.sin()


def slerp_by_cosine(z0, z1, steps):
    length0, length1 = z0.norm(), z1.norm()
    cosine = torch.dot(z0, z1) / (length0 * length1)
    angle = cosine.clamp(-1, 1).acos()
    if angle.sin() < 1e-4:
        return lerp(z0, z1, steps)
    u0, u1 = z0 / length0, z1 / length1
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    direction = (((1 - t) * angle).sin() * u0 + (t * angle).sin() * u1) / angle.sin()
    return ((1 - t) * length0 + t * length1) * direction


def walk_problem(got, want, label, what) -> str | None:
    """What is wrong with the form of one walk: not a tensor, a wrong shape, NaN."""
    if got.get(f"{label}.error"):
        return f"{what}: {got[f'{label}.error']}"
    if got.get(f"{label}.kind") not in ("Tensor", "Parameter"):
        return f"{what}: {nothing_tensor(got, label)}"
    return well_formed(got, want, label, what)


def forms(labels: tuple[str, ...]):
    """A test: every walk has its form."""

    def test(got, want, inputs):
        for label in labels:
            problem = walk_problem(got, want, label, f"steps={rows_asked(inputs, label)}")
            if problem:
                return problem
        return None

    return test


def on_walks(labels: tuple[str, ...], test: Callable):
    """A test of every walk that has its form; without any there is nothing to pass on."""

    def tested(got, want, inputs):
        usable = [label for label in labels if walk_problem(got, want, label, "") is None]
        if not usable:
            return "no walk of the right form was received."
        for label in usable:
            start, end, _ = inputs["walks"][label]
            problem = test(np.asarray(got[label]), want[label], inputs[start], inputs[end])
            if problem:
                return problem
        return None

    return tested


def ends(rows, right, z0, z1):
    """A test of one walk, rows (steps, nz): it begins at z0 and ends at z1, each (nz,)."""
    for index, name, z in ((0, "z0", z0), (-1, "z1", z1)):
        if not close(rows[index], z, 1e-4, 1e-4):
            where = "first" if index == 0 else "last"
            return f"the {where} row is not {name}."
    return None


def straight(rows, right, z0, z1):
    """A test of one walk: equal steps on the line through z0 and z1."""
    jumps, along = np.diff(rows, axis=0), (z1 - z0) / np.linalg.norm(z1 - z0)
    lengths = np.linalg.norm(jumps, axis=1)
    if lengths.max() < 1e-6:
        return "all rows are the same."
    if not close(jumps, np.broadcast_to(jumps.mean(0), jumps.shape), 1e-3, 1e-4):
        even = close(lengths, np.full_like(lengths, lengths.mean()), 1e-3, 1e-4)
        return f"the steps {'do not point the same way' if even else 'are of unequal length'}."
    if abs(jumps.mean(0) @ along) < 0.999 * lengths.mean():
        return "the rows are not on the line through z0 and z1."
    return None


def _angles(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.arccos(np.clip((unit[1:] * unit[:-1]).sum(1), -1, 1))


def turning(rows, right, z0, z1):
    """Equal angles that add up to the angle between the ends: then the path is a great circle."""
    angles, wanted = _angles(rows), _angles(right)
    if not np.isfinite(angles).all():
        return "some rows have no direction."
    if np.ptp(angles) > 2e-3:  # arccos of float32 is good to about 3e-4 at small angles
        return (
            "the angles between neighbouring rows differ, by up to"
            f" {np.degrees(np.ptp(angles)):.1f} degrees."
        )
    if abs(angles.sum() - wanted.sum()) > 5e-3:
        return "the walk is not the shortest way round."
    return None


def lengths_kept(rows, right, z0, z1):
    """A test of one walk: no row is shorter, or longer, than both ends."""
    lengths, (low, high) = np.linalg.norm(rows, axis=1), sorted(map(np.linalg.norm, (z0, z1)))
    if (lengths < low * (1 - 1e-3)).any():
        return "some rows are shorter than both ends."
    if (lengths > high * (1 + 1e-3)).any():
        return "some rows are longer than both ends."
    return None


def like_lerp(rows, right, z0, z1):
    """A test of one walk: its rows are the straight walk's."""
    return None if close(rows, right, 1e-3, 1e-3) else "the rows are not the straight walk's."


def same_walks(a, b, inputs):
    """Whether two pieces of evidence show the same walks, whatever happened to the arguments."""
    return all(
        bool(a.get(f"{label}.error")) == bool(b.get(f"{label}.error"))
        and same_arrays(a, b, keys=[label])
        and (a.get(label) is not None or a.get(f"{label}.kind") == b.get(f"{label}.kind"))
        for label in inputs["walks"]
    ) and any(b.get(label) is not None for label in inputs["walks"])


def named_walk(got, want, inputs, failed):
    """Name what no fixed code can: the type, steps that are ignored, changed arguments."""
    labels = list(inputs["walks"])
    kinds = {got.get(f"{label}.kind") for label in labels}
    if kinds == {"NoneType"}:
        return "returns-nothing"
    if kinds & {"list", "tuple"}:
        return "no-tensor/rows"
    if "dict" in kinds:
        return "no-tensor", {"kind": "dict"}
    if "ndarray" in kinds:
        return "no-tensor/numpy"
    counts = {
        rows_asked(inputs, label): np.size(got[label]) / want[label][0].size
        for label in labels
        if got.get(label) is not None and np.ndim(got[label])
    }
    if len(counts) > 1 and len(set(counts.values())) == 1:
        return "steps-ignored"
    rows, again = got.get(labels[0]), got.get("again") if "again" in labels else None
    if rows is not None and again is not None and not close(rows, again):
        return "random"
    if rows is not None and rows.shape == want[labels[0]].shape:
        if np.ptp(rows, axis=0).max() < 1e-6:
            return "constant/in-place"
        timed = failed and rows.ndim == 2 and _timed_wrongly(rows, want[labels[0]])
        if timed:
            return timed
        if failed == ["between"] and np.linalg.matrix_rank(rows - rows[0], tol=1e-3) == 1:
            return "uneven/straight"
    if failed == ["manners"]:
        return "in-place"
    return None


def named_by_rows(got, want, inputs, failed):
    """Where no name was found: the shape itself is wrong."""
    shapes = [
        (np.shape(got[k]), np.shape(want[k])) for k in inputs["walks"] if got.get(k) is not None
    ]
    return "wrong-shape" if any(a != b for a, b in shapes) else None


def _timed_wrongly(rows, right):
    """The name of a walk on the line through the ends that is there at other times."""
    z0, z1 = right[0], right[-1]
    times = (rows - z0) @ (z1 - z0) / ((z1 - z0) @ (z1 - z0))
    even = close(np.diff(times, 2), np.zeros(len(times) - 2), 0, 1e-3)
    if not close(rows, z0 + times[:, None] * (z1 - z0), 1e-3, 1e-3) or not even:
        return None
    starts, arrives = close(times[0], 0, 0, 1e-3), close(times[-1], 1, 0, 1e-3)
    if starts and arrives:
        return None
    if starts and times[-1] < 0:
        return "wrong-way"
    if starts:
        return "stops-early/anywhere" if times[-1] < 1 else "beyond-the-end/anywhere"
    return "first-missing/anywhere" if arrives else "ends-elsewhere"


def rows_asked(inputs, label):
    """How many rows were asked for."""
    walk = inputs["walks"][label]
    return walk[2] if isinstance(walk, list) else walk


def weighted(weight) -> Callable:
    """A wrong walk with other weights than t and 1 - t: weight(t) -> (of z0, of z1)."""

    def walk(z0, z1, steps):
        w0, w1 = weight(torch.linspace(0, 1, steps)[:, None])
        return w0 * z0 + w1 * z1

    return walk


def at_times(times) -> Callable:
    """A straight walk at other times: times(steps) -> (n,)."""

    def walk(z0, z1, steps):
        t = times(steps)[:, None]
        return (1 - t) * z0 + t * z1

    return walk


def end_missing(steps):
    """Times of a walk that stops one step before its end, (steps,)."""
    return torch.arange(steps) / steps


# wrong walks: of lerp, and of the latents of interpolate
WALKS = {
    "last-missing": at_times(end_missing),
    "first-missing": at_times(lambda steps: (torch.arange(steps) + 1) / steps),
    "ends-missing": at_times(lambda steps: torch.linspace(0, 1, steps + 2)[1:-1]),
    "one-row-too-many": at_times(lambda steps: torch.linspace(0, 1, steps + 1)),
    "one-row-too-few": at_times(lambda steps: torch.linspace(0, 1, steps - 1)),
    "two-rows-too-many": at_times(lambda steps: torch.linspace(0, 1, steps + 2)),
    "stops-early": at_times(lambda steps: torch.linspace(0, 0.8, steps)),
    "beyond-the-end": at_times(lambda steps: torch.arange(steps) / max(steps - 2, 1)),
    "backwards": at_times(lambda steps: torch.linspace(1, 0, steps)),
    "there-and-back": at_times(lambda steps: 1 - (2 * torch.linspace(0, 1, steps) - 1).abs()),
    "uneven": at_times(lambda steps: torch.linspace(0, 1, steps) ** 2),
    "uneven/2": at_times(lambda steps: torch.linspace(0, 1, steps).sqrt()),
    "uneven/3": at_times(
        lambda steps: torch.linspace(0, 1, steps) ** 2 * (3 - 2 * torch.linspace(0, 1, steps))
    ),
    "uneven/4": at_times(lambda steps: (1 - (torch.pi * torch.linspace(0, 1, steps)).cos()) / 2),
    "start-not-faded": weighted(lambda t: (1, t)),
    "end-not-faded": weighted(lambda t: (1 - t, 1)),
    "same-weight": weighted(lambda t: (t, t)),
    "end-subtracted": weighted(lambda t: (1 - t, -t)),
    "end-subtracted/2": weighted(lambda t: (1 + t, -t)),
    "from-zero": weighted(lambda t: (0 * t, t)),
    "constant": weighted(lambda t: (1 + 0 * t, 0)),
    "constant/2": weighted(lambda t: (0 * t, 1)),
    "constant/3": weighted(lambda t: (0.5 + 0 * t, 0.5)),
}
