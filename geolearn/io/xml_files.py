"""XML without document types: no entities, so nothing grows, and nothing outside is opened."""

import xml.etree.ElementTree as ET
from typing import NoReturn
from xml.parsers import expat

from geolearn.io.damage import damaged


def parse_xml(data: bytes, source: str) -> ET.Element:
    """The root element.

    Raises:
        MeshFormatError: not well-formed, or with a document type (`<!DOCTYPE`), where entities are defined.
    """
    builder, parser = ET.TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> NoReturn:
        place = f"line {parser.CurrentLineNumber}"
        raise damaged(source, place, "it defines a document type, which could hold entities", "Remove the <!DOCTYPE>")

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise damaged(source, f"line {error.lineno}", f"not well-formed XML ({error})") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know, or that is none
        if type(error) not in (ValueError, LookupError):
            raise
        raise damaged(source, "the first line", f"not readable as XML ({error})") from error
    return builder.close()
