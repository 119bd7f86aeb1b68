"""What litellm does of its own accord with the models of a vendor, as data of the vendor."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Quirks"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """What has to be seen to when litellm is asked for the models of a vendor.

    Attributes:
        rehearsed: Its requests need a key and an address and no more, so that a first one can be
            made and stopped; for others litellm would look for credentials, on the network too.
        imports: Modules of litellm's or of its client's that it imports when an answer is there,
            where a rehearsal does not come.
        looked_up: Routes under which it asks the server about a model before each call,
            synchronously, unless its map has the name.
        flat_extras: It makes a field of the name ``extra_body`` out of that option.
        name_in_body: Its requests name the model in the body, so that any name will do; those
            that name it in the URL would go elsewhere with some.
    """

    rehearsed: bool = False
    imports: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    flat_extras: bool = False
    name_in_body: bool = False
