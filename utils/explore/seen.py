"""What an explorer shows now, as Python sees it: the same for both kinds of explorers."""

import traitlets


class Seen(traitlets.HasTraits):
    """`z`, `image` and `mu` can be read and observed; `move(z)` goes elsewhere."""

    z = traitlets.List(traitlets.Float(), help="the latent that is seen, nz numbers").tag(sync=True)
    image = traitlets.List(traitlets.Float(), help="what is encoded, 784 values in [0, 1]").tag(
        sync=True
    )
    mu = traitlets.List(traitlets.Float(), help="its code").tag(sync=True)
    sizes = frozenset()  # of the latents that can be shown

    def move(self, z):
        """Show the decoding of a latent of nz numbers. Raises ValueError for another size."""
        if len(z) not in self.sizes:
            wanted = " or ".join(map(str, sorted(self.sizes))) or "no"
            raise ValueError(f"z has {wanted} numbers, not {len(z)}")
        self.z = [float(value) for value in z]
