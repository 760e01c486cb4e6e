"""Diagrams of the course's models, drawn as SVG.

    plots.diagram("vae")                              in a notebook
    python benchmarks/diagrams.py                     docs/figures/diagram-NAME.svg, for documents

Lines and letters take the colour of the text around them, so a diagram is readable in a dark theme;
a file of its own follows the reader's setting.
"""

import html

from utils.plots.base import Shown, show_now

BLUE, ORANGE, GREEN = "#3b8fd4", "#e07b2e", "#2fa37c"  # seen on white and on black alike
DARK = "<style>svg{color:#222}@media (prefers-color-scheme:dark){svg{color:#ddd}}</style>"
FONT = "font-family:system-ui,sans-serif;font-size:15px"


def text(x, y, said, size=15, anchor="middle", colour="currentColor", style=""):
    """Words at (x, y), pixels."""
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
        f'style="{style}">{html.escape(said)}</text>'
    )


def box(x, y, width, height, *lines, colour="currentColor"):
    """A rounded box with lines of text in its middle."""
    made = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour}" '
        f'fill-opacity="0.1" stroke="{colour}" stroke-width="2"/>'
    )
    top = y + height / 2 + 5 - 9 * (len(lines) - 1)
    return made + "".join(text(x + width / 2, top + 18 * i, line) for i, line in enumerate(lines))


def net(x, y, width, tall, low, name):
    """A network as a trapezium, `tall` on its left and `low` on its right, around the height y."""
    corners = (
        f"{x},{y - tall / 2} {x + width},{y - low / 2} {x + width},{y + low / 2} {x},{y + tall / 2}"
    )
    return (
        f'<polygon points="{corners}" fill="{BLUE}" fill-opacity="0.15" stroke="{BLUE}" '
        f'stroke-width="2"/>{text(x + width / 2, y + 5, name)}'
    )


def arrow(path, colour="currentColor", dashed=False):
    """A line along an SVG path, with a head at its end."""
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dash} '
        f'marker-end="url(#head-{colour.strip("#")})"/>'
    )


def heads():
    """The heads of arrows, one a colour."""
    return "".join(
        f'<marker id="head-{c.strip("#")}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{c}"/></marker>'
        for c in ("currentColor", BLUE, ORANGE, GREEN)
    )


def autoencoder():
    """The autoencoder: (SVG, its width and height, alternative text)."""
    return (
        (
            box(10, 70, 90, 60, "image x", "784 pixels")
            + arrow("M100 100H135")
            + net(138, 100, 120, 120, 46, "encoder")
            + arrow("M258 100H290")
            + box(293, 75, 100, 50, "code z", "16 numbers", colour=GREEN)
            + arrow("M393 100H425")
            + net(428, 100, 120, 46, 120, "decoder")
            + arrow("M548 100H583")
            + box(586, 70, 110, 60, "logits", "784 pixels")
            + box(225, 172, 330, 34, "reconstruction loss: how badly predicted?", colour=ORANGE)
            + arrow("M55 130V189H222", ORANGE)
            + arrow("M641 130V189H558", ORANGE)
        ),
        (710, 215),
        "Image, encoder, 16 numbers, decoder, logits; the loss compares logits and image.",
    )


def vae():
    """The VAE and its sample."""
    return (
        (
            box(10, 90, 80, 60, "image x")
            + arrow("M90 120H118")
            + net(121, 120, 105, 120, 70, "encoder")
            + arrow("M226 103H258")
            + arrow("M226 137H258")
            + box(261, 84, 70, 34, "μ", colour=GREEN)
            + box(261, 124, 70, 34, "log σ²", colour=GREEN)
            + arrow("M331 103C350 103 350 113 366 116")
            + arrow("M331 140C350 140 350 128 366 124")
            + box(369, 98, 110, 44, "z = μ + σ·ε", colour=GREEN)
            + text(424, 34, "noise ε ~ N(0, I)", 14)
            + arrow("M424 42V95", dashed=True)
            + arrow("M479 120H507")
            + net(510, 120, 105, 46, 120, "decoder")
            + arrow("M615 120H643")
            + box(646, 90, 80, 60, "logits")
            + box(215, 205, 162, 44, "KL[q(z|x) ‖ p(z)]", "the price", colour=ORANGE)
            + arrow("M296 158V202", ORANGE)
            + text(205, 231, "prior N(0, I)", 14, "end")
            + box(455, 205, 215, 44, "−log p(x|z)", "what is still unexplained", colour=ORANGE)
            + arrow("M686 150V227H673", ORANGE)
            + arrow("M50 150V272H562V252", ORANGE)
        ),
        (740, 285),
        (
            "An encoder gives mu and log sigma squared, noise makes a sample z of them, "
            "a decoder gives logits. Two losses: the KL of the posterior to the prior, and minus "
            "log p of x given z."
        ),
    )


def autodecoder():
    """The auto-decoder, which fits its latents."""
    rows = "".join(
        box(20, 42 + 34 * i, 150, 28, f"z of image {name}", colour=GREEN)
        for i, name in enumerate(("1", "2", "3", "…"))
    )
    return (
        (
            text(95, 28, "a table of latents", 14)
            + rows
            + arrow("M170 90H227")
            + text(198, 82, "one row", 12)
            + net(230, 90, 130, 50, 120, "decoder")
            + arrow("M360 90H400")
            + box(403, 62, 90, 56, "logits")
            + arrow("M493 90H525")
            + box(528, 62, 120, 56, "loss, with", "image 2", colour=ORANGE)
            + arrow("M588 118V212H295V148", ORANGE, dashed=True)
            + arrow("M295 212H95V182", ORANGE, dashed=True)
            + text(445, 232, "gradient: to the decoder, and to the row that was used", 14)
        ),
        (665, 245),
        (
            "A table holds one row of latents for each image; a decoder turns a row into "
            "logits; the gradient of the loss flows back to the decoder and to that row. There is "
            "no encoder."
        ),
    )


def plane():
    """Latents of classes on a plane, and samples of the prior."""
    blobs = "".join(
        f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{colour}" fill-opacity="0.25" '
        f'stroke="{colour}"/>'
        for x, y, rx, ry, colour in (
            (120, 110, 26, 16, BLUE),
            (165, 88, 18, 24, ORANGE),
            (180, 140, 24, 18, GREEN),
            (128, 160, 18, 22, BLUE),
            (95, 145, 16, 14, ORANGE),
        )
    )
    circles = "".join(
        f'<circle cx="140" cy="125" r="{r}" fill="none" stroke="currentColor" '
        'stroke-dasharray="4 4"/>'
        for r in (45, 90)
    )
    return (
        (
            '<rect x="20" y="10" width="240" height="230" fill="none" stroke="currentColor"/>'
            + circles
            + blobs
            + text(140, 256, "z0", 14)
            + text(10, 125, "z1", 14)
            + text(252, 232, "prior: 1σ, 2σ", 12, "end")
            + '<circle cx="165" cy="88" r="4" fill="currentColor"/>'
            + arrow("M170 87H320")
            + net(323, 87, 110, 46, 90, "decoder")
            + arrow("M433 87H466")
            + box(469, 52, 70, 70, "a tile")
            + text(290, 160, "Each cloud is the posterior of one image.", 14, "start")
            + text(290, 182, "Any point of the plane can be decoded:", 14, "start")
            + text(290, 204, "inside the clouds to what was learned,", 14, "start")
            + text(290, 226, "outside to anything at all.", 14, "start")
        ),
        (590, 262),
        (
            "A plane of two latents: posteriors as small clouds, the prior as two circles, and "
            "one point that the decoder turns into a tile."
        ),
    )


def rate_distortion():
    """Rate against distortion, and where each beta lies."""
    return (
        (
            arrow("M60 220V15")
            + arrow("M60 220H520")
            + text(290, 246, "rate: KL, nats spent on saying which z", 14)
            + text(70, 26, "distortion: −log p(x|z)", 14, "start")
            + f'<path d="M75 40C100 150 200 190 500 205" fill="none" stroke="{BLUE}" '
            'stroke-width="3"/>'
            + f'<circle cx="84" cy="72" r="5" fill="{ORANGE}"/><circle cx="184" cy="158" r="5" '
            f'fill="{ORANGE}"/><circle cx="416" cy="200" r="5" fill="{ORANGE}"/>'
            + text(96, 72, "β = 10: cheap and blurred", 14, "start")
            + text(196, 150, "β = 1: the highest ELBO, slope −1", 14, "start")
            + text(440, 186, "β → 0: dear and sharp", 14)
            + '<path d="M116 131L252 184" stroke="currentColor" stroke-dasharray="5 4"/>'
        ),
        (540, 258),
        (
            "Distortion falls as rate grows; beta 10 lies at little rate, beta 1 where the slope "
            "is minus one, beta near 0 at much rate."
        ),
    )


DIAGRAMS = {
    "autoencoder": autoencoder,
    "vae": vae,
    "autodecoder": autodecoder,
    "plane": plane,
    "rate-distortion": rate_distortion,
}


class Diagram(Shown):
    """A diagram that a notebook shows in the colour of its text."""

    def __init__(self, name):
        body, self.size, self.alt = DIAGRAMS[name]()
        self.body = (f"<defs>{heads()}</defs>" + body).replace("head-", f"{name}-head-")

    def svg(self, file=False):
        width, height = self.size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{html.escape(self.alt)}" '
            f'style="{FONT};max-width:100%"><title>{html.escape(self.alt)}</title>'
            f"{DARK if file else ''}{self.body}</svg>"
        )

    def _mimebundle(self):
        return {"text/html": self.svg(), "text/plain": self.alt}, {}


def diagram(name):
    """A diagram of a model: autoencoder, vae, autodecoder, plane or rate-distortion."""
    if name not in DIAGRAMS:
        raise ValueError(f"there is no diagram {name!r}; there are {', '.join(DIAGRAMS)}")
    return show_now(Diagram(name))
