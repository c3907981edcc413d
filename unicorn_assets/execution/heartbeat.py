"""Signs of progress of the step that this process is at work on: given by the step, seen by who watches it."""

_beats = 0


def beat() -> None:
    """The step has got on."""
    global _beats
    _beats += 1


def beats() -> int:
    """How often it has so far; what matters is whether that changes."""
    return _beats
