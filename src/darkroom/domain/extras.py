"""How to install what an optional part needs. By its name, pip would fetch another project's."""


def how_to_install(extra: str) -> str:
    """Words that tell to install *extra*, such as `postgres`, from a checkout."""
    return f"in darkroom's folder: pip install --constraint constraints.txt '.[{extra}]'"
