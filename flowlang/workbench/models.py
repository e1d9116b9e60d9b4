"""`flowlang models [ID]`: what is known of models, with what the project adds and corrects."""

from ..diagnostics.diagnostic import nearest
from ..models.catalog import catalogue_of
from ..project import CONFIGURATION
from ..run.exit import DONE, WRONG_INPUT
from ..show.models import model_json, model_page, models_json, models_table
from .given import Given
from .opening import open_settings
from .refusal import Refusal
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints all models, or all that is known of one."""
    catalogue = catalogue_of(open_settings(CONFIGURATION, screen).models)
    model, as_json = given.word("ID"), given.has("json")
    if not model:
        entries = tuple(catalogue.entries.values())
        screen.out(models_json(entries) if as_json else models_table(entries, screen.width))
        return DONE
    entry = catalogue.entry(model)
    if entry is None:
        near = nearest(model, list(catalogue.names()))
        add = f'a model that is not known works all the same; [models."{model}"] in {CONFIGURATION} adds it'
        hints = (f"did you mean `{near}`?", add) if near else (add,)
        raise Refusal(WRONG_INPUT, f"nothing is known of the model `{model}`", hints, "unknown-name")
    screen.out(model_json(entry) if as_json else model_page(entry))
    return DONE
