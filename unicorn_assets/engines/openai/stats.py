"""What asking a server took, in figures."""

from dataclasses import dataclass


@dataclass
class EngineStats:
    """Counters of an engine's life; a step takes the difference of two readings.

    Args:
        requests: HTTP requests that asked for an answer, all tries counted.
        retries: those of them that asked again for what had been asked before.
        answers: answers that the server gave, of whatever use.
        refused: rows that ended without an answer.
        prompt_tokens: tokens read as the server reports them, all answers counted, also those that were dropped.
        completion_tokens: tokens written, likewise.
        seconds_in_flight: time from sending to the end of the response, summed over requests.
    """

    requests: int = 0
    retries: int = 0
    answers: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds_in_flight: float = 0.0
