"""A diffusers pipeline behind the inputs of a hosted model. The only runner that loads torch."""

from darkroom.runners.diffusers.shared import Diffusers

__all__ = ["Diffusers"]
