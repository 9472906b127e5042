"""What a value's text says, in a params file and on the command line alike."""

from __future__ import annotations

import re
from typing import Any

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says, in types that JSON has as well: a date stays the text that it is written as.

    A number may be written 1e-3, which YAML 1.1 takes for a text. Raises yaml.YAMLError.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe one; what is added to it stays its own."""

        def written(self, node: Any) -> Any:
            """Return a date as it is written."""
            return self.construct_scalar(node)

    Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.written)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
    return yaml.load(text, Loader)


def value(text: str) -> Any:
    """Return what a text says: 9, 0.05, 1e-3, true, text; null or none is None, "none" in quotes the text."""
    import yaml

    if text.strip().lower() == "none":
        return None
    try:
        return parse_yaml(text)
    except (ValueError, yaml.YAMLError):  # a text that is no YAML, as in [draft
        return text
