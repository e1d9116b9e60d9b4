"""The user's own folders: what is kept there belongs to them, and is in no repository."""

from pathlib import Path

import platformdirs


def config_folder() -> Path:
    """Where what the user decided is kept."""
    return Path(platformdirs.user_config_path("flowlang"))


def stores_folder() -> Path:
    """Where the stores of projects are kept that are on another machine themselves."""
    return Path(platformdirs.user_cache_path("flowlang", appauthor=False)) / "stores"


def log_folder() -> Path:
    """Where reports of our own mistakes are kept."""
    return Path(platformdirs.user_log_path("flowlang"))
