"""Numbers in one argument, such as `--seeds 0,1,2`."""

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
