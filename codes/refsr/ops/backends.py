"""Which back-end of an operator serves: by itself the fastest, within a block the one that is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from refsr.core.errors import OperatorError, suggestion
from refsr.ops import native


class Backends:
    """The back-ends of an operator by name, "native" and "reference" among them."""

    def __init__(self, operator: str, names: Sequence[str]) -> None:
        self.operator, self.names = operator, names
        self.asked: str | None = None
        """The one that alone is to serve, in a block of `using`."""

    @contextlib.contextmanager
    def using(self, backend: str) -> Iterator[None]:
        """Within the block the operator uses this back-end; for tests and timings."""
        if backend not in self.names:
            raise OperatorError(f"back-end {backend!r} is not known{suggestion(backend, self.names)}")
        if backend == "native" and native.LIBRARY.reason is not None:
            raise OperatorError(f"the compiled {self.operator} cannot serve: {native.LIBRARY.reason}")
        before, self.asked = self.asked, backend
        try:
            yield
        finally:
            self.asked = before
