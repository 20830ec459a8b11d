"""Notebooks of this clone are cleaned when Jupyter saves them, so that saving leaves no diff.

The Jupyter that `make` installs in `.venv` reads this file by itself. Any other does so with
`jupyter lab --config jupyter_server_config.py`.
"""

import json
from pathlib import Path

CLONE = Path(__file__).resolve().parent


def cells_on_disk(place: Path) -> dict[str, dict]:
    "The cells of a notebook as it was saved before, by id; none if there is no such notebook."
    try:
        cells = json.loads(place.read_text(encoding="utf-8"))["cells"]
        return {cell["id"]: cell for cell in cells}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def keep_collapsed(cells: list[dict], saved: dict[str, dict]) -> None:
    """Leave collapsed, or open, what was so before, in cells whose source has not changed.

    Who looks into a collapsed cell has not changed the notebook.
    """
    for cell in cells:
        before = saved.get(cell.get("id"))
        if before is None or "".join(before["source"]) != "".join(cell["source"]):
            continue
        cell["metadata"].pop("jupyter", None)
        if "jupyter" in before["metadata"]:
            cell["metadata"]["jupyter"] = before["metadata"]["jupyter"]


def clean(model, path, contents_manager, **kwargs):
    "Remove from a notebook of this clone what only a machine or a run has, as `nbdev_clean` does."
    if model["type"] != "notebook" or model["content"]["nbformat"] != 4:
        return
    place = Path(contents_manager.root_dir, path.strip("/")).resolve()
    if not place.is_relative_to(CLONE):
        return
    from nbdev.clean import clean_nb
    from nbdev.config import get_config as nbdev_settings

    settings = nbdev_settings(path=CLONE)
    clean_nb(
        model["content"],
        allowed_metadata_keys=settings.allowed_metadata_keys.split(),
        allowed_cell_metadata_keys=settings.allowed_cell_metadata_keys.split(),
        clean_ids=settings.clean_ids,
    )
    keep_collapsed(model["content"]["cells"], cells_on_disk(place))


c = get_config()  # noqa: F821  (Jupyter's)
c.ContentsManager.pre_save_hook = clean
