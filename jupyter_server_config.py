"""Notebooks of this clone are cleaned when Jupyter saves them, so that saving leaves no diff.

The Jupyter that `make` installs in `.venv` reads this file by itself. Any other does so with
`jupyter lab --config jupyter_server_config.py`.
"""

from pathlib import Path

CLONE = Path(__file__).resolve().parent


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


c = get_config()  # noqa: F821  (Jupyter's)
c.ContentsManager.pre_save_hook = clean
