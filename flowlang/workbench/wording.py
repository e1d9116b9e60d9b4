"""How a run tells why it asks: the store is read when a step asks for the first time, and is left alone else."""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from ..language.values import Value
from ..models.providers import Providers
from ..plan.graph import Plan
from ..plan.seen import Asked
from ..run.keeping import Keeping
from ..run.words import KeysOf, Tell
from ..store.problems import StoreUnusable
from .screen import Screen
from .storing import origins

if TYPE_CHECKING:
    from .reasons import Reasons


def words_of(plan: Plan, inputs: Mapping[str, Value], providers: Providers, keeping: Keeping, screen: Screen) -> Tell:
    """Why each step of a run asks, in a few words."""
    reasons: Reasons | None = None

    def tell(path: str, step: str, asked: Asked, keys_of: KeysOf) -> str:
        # A run that finds all its answers never comes here.
        from ..show.because import as_line
        from ..store.history import History
        from .questions import Kept
        from .reasons import Reasons

        nonlocal reasons
        try:
            with closing(History(keeping.store.folder)) as history:
                if reasons is None:
                    kept = Kept(origins(providers), screen.redact)
                    run = keeping.store.run
                    reasons = Reasons(plan, lambda: kept.inputs(inputs), history, kept, keys_of, run)
                reasons.history = history
                question = reasons.kept.question(path, step, asked)
                return as_line(reasons.of(question), plan.flow.source.path)
        except StoreUnusable:
            return ""

    return tell
