"""Numbers in one argument, such as `--seeds 0,1,2`."""

from collections.abc import Sequence

from geolearn.errors import InvalidInputError


def parse_numbers(text: str, option: str) -> list[int]:
    """The comma-separated whole numbers of `text`.

    Raises:
        InvalidInputError: anything else; names the option.
    """
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise InvalidInputError(f"{option}: expected whole numbers such as 1,3,6, got {text!r}") from error


def parse_changes(pairs: Sequence[str]) -> dict[str, str]:
    """`("learning_rate=3e-4",)` as a dictionary.

    Raises:
        InvalidInputError: not `name=value`.
    """
    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise InvalidInputError(f"--set: expected name=value, such as learning_rate=3e-4, got {pair!r}")
        changes[name] = value
    return changes
