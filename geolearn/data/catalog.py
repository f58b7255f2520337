"""What `geolearn data list` and `geolearn info DATASET` show."""

from typing import Any

from geolearn.data.manifest import Manifest, dataset_names, load_manifest
from geolearn.data.places import find_raw, how_to_get, prepared_folder
from geolearn.data.prepare import is_prepared
from geolearn.data.prepared.index import read_index
from geolearn.typing import PathLike


def list_datasets(root: PathLike | None = None) -> list[dict[str, Any]]:
    """One row per dataset, with equal keys: name, what it is, its size, and whether it can be used here and now.

    >>> [row["here"] for row in list_datasets() if row["name"] == "procedural"]
    ['built in']
    """
    rows = []
    for name in dataset_names():
        manifest = load_manifest(name)
        rows.append(
            {
                "name": name,
                "title": manifest.title,
                "kind": manifest.kind,
                "classes": len(manifest.classes),
                "samples": " / ".join(f"{split} {counts.count}" for split, counts in manifest.splits.items()),
                "protocols": ", ".join(_protocols(manifest)),
                "here": _state(manifest, root),
            }
        )
    return rows


def describe_dataset(name: str, root: PathLike | None = None) -> dict[str, Any]:
    """Everything the manifest says, and what is known of the prepared data; as JSON holds it.

    Raises:
        UnknownNameError: no such dataset.

    >>> describe_dataset("modelnet10_voxels")["samples"]
    {'train': 3991, 'test': 908}
    """
    manifest = load_manifest(name)
    folder = prepared_folder(name, root)
    facts: dict[str, Any] = {
        "name": name,
        "title": manifest.title,
        "kind": manifest.kind,
        "classes": list(manifest.classes),
        "up axis of the raw data": manifest.up,
        "samples": {split: counts.count for split, counts in manifest.splits.items()},
        "samples per class": {split: list(counts.per_class) for split, counts in manifest.splits.items()},
        "protocols": _protocols(manifest),
        "parts": {name: list(parts) for name, parts in manifest.parts.items()},
        "known defects": list(manifest.defects),
        "licence": manifest.licence,
        "citation": " ".join(manifest.citation.split()),
        "state": _state(manifest, root),
    }
    if is_prepared(folder, manifest):
        found = read_index(folder, manifest).facts
        facts["folder"] = str(folder)
        facts["found when prepared"] = {fact: len(listed) for fact, listed in found.items() if isinstance(listed, list)}
    elif manifest.archives:
        facts["to get it"] = how_to_get(manifest)
    return facts


def _protocols(manifest: Manifest) -> dict[str, str]:
    """What each protocol is, random splits by their first one only."""
    listed = {name: rules.description for name, rules in manifest.protocols.items() if not rules.keys}
    random = [name for name, rules in manifest.protocols.items() if rules.keys]
    if random:
        listed[f"{random[0]} .. {random[-1]}"] = f"{len(random)} random splits, <class>/<training shapes>/<number>"
    return listed


def _state(manifest: Manifest, root: PathLike | None) -> str:
    if manifest.kind == "generated":
        return "built in"
    if manifest.is_folder:
        return f"a folder: {manifest.folder / manifest.data}"
    if is_prepared(prepared_folder(manifest.name, root), manifest):
        return "prepared"
    found = find_raw(manifest, root)
    return f"raw file found: {found}" if found else "raw file missing"
