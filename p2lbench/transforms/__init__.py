"""Built-in transforms."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl

COLORS = {
    "color": ("Brightness", "brightness, the paper's change of colour"),
    "brightness": ("Brightness", "channels times a factor"),
    "contrast": ("Contrast", "distances from the image's mean grey times a factor"),
    "saturation": ("Saturation", "distances from each pixel's grey times a factor"),
    "gamma": ("Gamma", "channels to a power"),
    "hue": ("Hue", "a turn of the wheel of hues"),
}


@hookimpl
def register_transforms(register: Register) -> None:
    register("none", "p2lbench.transforms.none:NoTransform", summary="no transform")
    spatial = "p2lbench.transforms.spatial"
    register("spatial", f"{spatial}:Spatial", summary="scaling and moving, searched")
    register("prealign", f"{spatial}:Prealign", summary="objects to the generator's, not searched")
    register("oracle", "p2lbench.transforms.oracle:Oracle", summary="the image's `truth`, held")
    for name, (factory, summary) in COLORS.items():
        register(name, f"p2lbench.transforms.color:{factory}", summary=summary)
    projective = "p2lbench.transforms.projective"
    register("rotation", f"{projective}:Rotation", summary="turning around the centre")
    register("perspective", f"{projective}:Perspective", summary="tilting around two axes")
