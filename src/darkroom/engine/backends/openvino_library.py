"""The typed edge of OpenVINO, imported only when it is chosen, and without its reports.

Converting a model, and the import itself, would send usage figures to its makers unless a file in
the account's home forbade it. The package that does that is made impossible to import first.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.extras import how_to_install

Array = NDArray[np.generic]
"""Of any kind of number."""

_REPORTER = "openvino_telemetry"
_FAILURES = (
    "GeneralFailure",
    "InitializationFailure",
    "NotImplementedFailure",
    "OpConversionFailure",
    "OpValidationFailure",
)


class Operation(Protocol):
    """One node of a graph."""

    def get_type_name(self) -> str:
        """Such as `Constant`."""
        ...

    def get_output_shape(self, index: int) -> Sequence[int]:
        """Of the output of that number, if it always is the same."""
        ...


class Graph(Protocol):
    """A model as OpenVINO has it, of any shapes."""

    def get_ops(self) -> Sequence[Operation]:
        """All of its nodes."""
        ...


class Answers(Protocol):
    """Arrays by the number of the output."""

    def __getitem__(self, index: int) -> Array:
        """The output of that number."""
        ...


class Request(Protocol):
    """Room for one computation."""

    def infer(self, inputs: Sequence[Array], *, share_inputs: bool) -> Answers:
        """Compute; the answer belongs to the caller."""
        ...


class Compiled(Protocol):
    """A graph ready to be computed."""

    def create_infer_request(self) -> Request:
        """Make room for one computation at a time."""
        ...


class Core(Protocol):
    """OpenVINO itself."""

    def read_model(self, model: str) -> Graph:
        """Read what `save_model` wrote; its weights stay in the file until they are needed."""
        ...

    def compile_model(
        self, model: Graph, device_name: str, config: Mapping[str, object]
    ) -> Compiled:
        """Make ready for a device."""
        ...


class Library(Protocol):
    """The package."""

    __version__: str
    Core: Callable[[], Core]

    def convert_model(self, module: object, *, example_input: object) -> Graph:
        """Trace a module of PyTorch."""
        ...

    def save_model(self, model: Graph, path: str, *, compress_to_fp16: bool) -> None:
        """Write two files, *path* and one that ends in `.bin`."""
        ...


def library() -> Library:
    """Import OpenVINO.

    Raises:
        InvalidSetting: it is not installed; says how to.
    """
    modules = cast("dict[str, object]", sys.modules)
    modules.setdefault(_REPORTER, None)  # to import what is None raises, and is borne
    try:
        return cast("Library", import_module("openvino"))
    except ImportError as error:
        raise InvalidSetting(
            f"engine_backend is openvino, which is not installed; {how_to_install('openvino')}"
        ) from error


def conversion_faults() -> tuple[type[Exception], ...]:
    """What is raised if a model cannot be converted or compiled."""
    errors = import_module("openvino.tools.ovc.error")
    frontend = import_module("openvino.frontend")
    own = [cast("type[Exception]", errors.BasicError)]
    own += [cast("type[Exception]", getattr(frontend, name)) for name in _FAILURES]
    return (*own, RuntimeError, TypeError, ValueError, LookupError, AttributeError, OSError)
