"""The names of everything that can be wrong, each with its title. What is behind a name stands in pages.py."""

from collections.abc import Mapping
from typing import Literal

from ..record import record
from .diagnostic import Severity


@record
class Rule:
    """One kind of mistake. `when` is "check" if reading the flow can tell it, "run" if only a run meets it."""

    name: str
    title: str  # one sentence, lower case, no full stop
    when: Literal["check", "run"] = "check"
    severity: Severity = "error"


_RULES = (
    # How a file is written
    Rule("syntax", "a line cannot be read as it is written"),
    Rule("stray-text", "text stands outside every section"),
    Rule("unknown-section", "a line begins like a section, with a word that opens none"),
    Rule("unclosed-text", "a text is opened and never closed"),
    Rule("unclosed-tag", "a `{{`, a `for` or an `if` is not closed, or an `end` closes nothing"),
    Rule("bad-reference", "what stands between `{{` and `}}` is no name and no value"),
    Rule("bad-name", "a name is made of what names are not made of"),
    # Names
    Rule("unknown-name", "a name is used that nothing in the flow has"),
    Rule("unknown-field", "a value has no field of that name"),
    Rule("unknown-setting", "a setting does not exist, or not in this place"),
    Rule("unknown-type", "a type does not exist"),
    Rule("unknown-filter", "a filter does not exist"),
    Rule("unknown-model", "a model is named that nobody knows", severity="warning"),
    Rule("duplicate-name", "two things have the same name"),
    Rule("duplicate-setting", "a setting stands twice where it may stand once"),
    # Values
    Rule("missing-setting", "a setting is missing that is needed here"),
    Rule("unsupported-setting", "the model does not take this setting or this kind of input"),
    Rule("out-of-range", "a number is smaller or larger than it may be"),
    Rule("wrong-type", "a value is of one kind, and another kind is needed"),
    Rule("wrong-value", "a value is not one of those that can stand here"),
    Rule("maybe-empty", "something is used that may not have been given"),
    Rule("cycle", "things wait for each other in a circle"),
    # Files and permission
    Rule("not-found", "a file that the flow names does not exist"),
    Rule("not-allowed", "the flow asks for more than the project allows"),
    # What is probably not meant
    Rule("unused-input", "an input is asked for and never used", severity="warning"),
    Rule("unused-step", "a step is paid for and never used", severity="warning"),
    Rule("unused-let", "a `let` is never used", severity="warning"),
    Rule("not-named-item", "a prompt is asked once per item and never names the item", severity="warning"),
    Rule("shared-text-last", "a long text that all calls share stands behind what changes", severity="warning"),
    Rule("list-in-line", "a list of several lines is filled into the middle of a line", severity="warning"),
    Rule("may-be-skipped", "an output names a step that may not run", severity="warning"),
    Rule("missing-fence", "a text goes on into what looks like the next setting", severity="warning"),
    Rule("odd-escape", "a path in quotes has a tab or a line break in it", severity="warning"),
    Rule("hidden-characters", "a text has characters in it that change how it looks", severity="warning"),
    # What only a run can meet
    Rule("missing-input", "an input was not given", when="run"),
    Rule("missing-key", "the key of the model's provider is not set", when="run"),
    Rule("bad-file", "a file does not hold what it should", when="run"),
    Rule("bad-answer", "an answer does not fit what the step returns or ensures", when="run"),
    Rule("cut-off", "an answer ended before it was finished", when="run"),
    Rule("content-refused", "the model or its provider would not have the content", when="run"),
    Rule("bad-request", "the provider cannot take a request as it is", when="run"),
    Rule("refused", "the provider does not accept the key, or the account is spent", when="run"),
    Rule("unreachable", "the model's provider did not answer", when="run"),
    Rule("tool-failed", "a tool did not do its work", when="run"),
    Rule("failed-before", "a step cannot run because what it reads failed", when="run"),
    Rule("unmet-expectation", "an `expect` of the limits or of a test does not hold", when="run"),
    Rule("missing-recording", "a test needs an answer that nothing gives", when="run"),
    Rule("outdated-recording", "a recorded answer is to another request than a test makes now", when="run"),
    Rule("unused-recording", "no test asks for a recorded answer any more", when="run", severity="warning"),
    Rule("limit-reached", "the run came to one of its limits", when="run"),
    Rule("store-failed", "answers cannot be kept, or not any more", when="run"),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
