"""What a folder of weights may hold, in the layout of the hub and of diffusers.

Read twice: by the worker when weights arrive, and by the host before it loads them.
"""

INDEX = "model_index.json"
"""Names the parts of a pipeline: for each its library and class."""

LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion"})
"""Where classes of parts may come from."""

CODE_KEYS = frozenset({"auto_map", "custom_pipeline"})
"""Keys of a configuration that make libraries import code which came with the weights."""

PICKLED = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
"""Suffixes of files that can run code when they are read."""
