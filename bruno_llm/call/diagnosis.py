"""What a free request tells: is the server there, does it take the key, has it the model."""

from __future__ import annotations

from dataclasses import dataclass

from bruno_llm.exceptions import ConfigurationError, LLMError

__all__ = ["CannotBeAskedError", "Diagnosis"]


class CannotBeAskedError(ConfigurationError):
    """The route has no list of models, or its server does not give it.

    That is no sign that calls fail: ``reachable`` says whether a server answered at all.
    """

    reachable: bool | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``diagnose()`` found out; a field is ``None`` where it could not be found.

    Attributes:
        reachable: Its server answers.
        key_accepted: The vendor takes the key.
        model_present: The vendor has the model for this key.
        error: Why a call would fail; ``None`` when nothing stands against it.
    """

    reachable: bool | None = None
    key_accepted: bool | None = None
    model_present: bool | None = None
    error: LLMError | None = None

    @property
    def ok(self) -> bool:
        """Whether a call can be tried."""
        return self.error is None
