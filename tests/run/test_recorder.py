"""What keeps recordings: nothing secret in them, each asked once, in an order of their own."""

import asyncio

from flowlang.models.recording import Recorded, Recordings, Which
from flowlang.run.recorder import Recorder

REQUEST = "5f0c-2a91-81d3-be07-1c2d3e4f"


def test_no_secret_is_kept_whoever_lets_it_through() -> None:
    recorder = Recorder(Recordings(), lambda text: text.replace("canary", "[secret key]"))
    which = Which("a")
    said = Recorded(which, REQUEST, "the canary", (("look", '{"a": "canary"}'),), failed="no canary")
    kept = recorder.keep(which, REQUEST, said)
    assert "canary" not in repr(kept) and repr(kept).count("[secret key]") == 3
    assert recorder.find(which, REQUEST) is kept


def test_a_recording_serves_at_any_place_and_its_own_comes_first() -> None:
    recordings = Recordings()
    for place in (1, 2):
        recordings.add(Recorded(Which("a", place=(place,)), REQUEST, str(place)), "5f0c-2a91-81d3-1c2d3e4f")
    recorder = Recorder(recordings)
    served = [recorder.find(Which("a", place=(place,)), REQUEST) for place in (2, 7)]
    assert [one.text for one in served if one is not None] == ["2", "1"]
    assert recorder.find(Which("b", place=(1,)), REQUEST) is None
    assert recorder.find(Which("a", place=(1,), run=2), REQUEST) is None
    # The step's own texts only tell what has changed.
    assert recorder.find(Which("a", place=(1,)), REQUEST.replace("be07", "0000")) is not None


def test_who_asks_the_same_waits_for_the_one_answer() -> None:
    async def both() -> tuple[object, object]:
        recorder = Recorder(Recordings())
        first, second = Which("a", place=(1,)), Which("a", place=(2,))
        return recorder.lock(first, REQUEST), recorder.lock(second, REQUEST)

    first, second = asyncio.run(both())
    assert first is second
