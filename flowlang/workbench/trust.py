"""`flowlang trust`: shows what powers the project's own files ask for, and grants them."""

from pathlib import Path

from ..pipeline import compile_flow
from ..run.exit import DONE, MISTAKES, NOT_ALLOWED
from ..show.terminal import visible_line
from .finding import find_flows
from .given import Given
from .opening import open_settings
from .outside import listed_outside
from .permitting import Project, asked_by, asks_a_person, says_yes, told_list, write_list
from .screen import Screen
from .trusted import forget, trust, trusted_lists


def perform(given: Given, screen: Screen) -> int:
    """Shows the list of each flow that asks for powers; keeps the user's yes to all of them."""
    wanted: dict[Path, dict[str, list[str]]] = {}
    known: dict[Path, list[str]] = {}
    broken = False
    for path in find_flows(given.words.get("PATH", ())):
        flow = compile_flow(Path(path), outside=listed_outside).flow
        shown = visible_line(path)
        if flow is None:
            screen.err(f"`{shown}` has mistakes, and is not trusted: flowlang check {shown}")
            broken = True
            continue
        project = Project.of(flow)
        known.setdefault(project.root, []).append(project.flow)
        asked = asked_by(flow, open_settings(path, screen), project, screen)
        if given.has("forget") or not any(one.is_power for one in asked):
            continue
        lines = [one.line() for one in asked]
        before = trusted_lists(project.root).get(project.flow)
        if before == lines:
            screen.out(f"`{shown}` is trusted already:\n\n")
            write_list(told_list(asked), screen, to_out=True)
            continue
        screen.out(f"`{shown}` asks for:\n\n")
        write_list(told_list(asked, before), screen, to_out=True)
        wanted.setdefault(project.root, {})[project.flow] = lines
    if given.has("forget"):
        return _forget(known, screen)
    if not wanted:
        if broken:
            return MISTAKES
        screen.err("nothing here asks for powers that are not trusted already")
        return DONE
    if given.has("list"):
        return MISTAKES if broken else DONE
    if asks_a_person(screen) and not says_yes("Trust these files with this?", screen):
        screen.err("nothing is trusted that was not before")
        return NOT_ALLOWED
    for root, lists in wanted.items():
        trust(root, lists)
    screen.err("trusted; any change of these lists asks again. To take it back: flowlang trust --forget")
    return MISTAKES if broken else DONE


def _forget(known: dict[Path, list[str]], screen: Screen) -> int:
    gone = [flow for root, flows in known.items() for flow in forget(root, flows)]
    screen.err(f"no longer trusted: {', '.join(map(visible_line, gone))}" if gone else "nothing here was trusted")
    return DONE
