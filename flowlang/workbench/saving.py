"""Recorded answers, saved while they come: who is stopped in the middle of recording does not pay twice."""

import time
from collections.abc import Callable

from ..models.chat import ChatRequest, Complete, EmitChunk, Reply
from ..models.errors import ModelError
from ..run.recorder import Recorder
from .recording import AnswersFile, write_answers
from .refusal import Refusal

EVERY_S = 1.0  # between two savings; more where the file is so large that they take long
_SHARE = 20  # of the time, that saving may take: one in so many


class Saving:
    """Saves what has come so far, now and then, before a question is sent. `wrote`: whether anything was written."""

    def __init__(self, file: AnswersFile, recorder: Recorder, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._recorder = recorder
        self._clock = clock
        self._next = clock() + EVERY_S
        self.wrote = False

    def before(self, complete: Complete) -> Complete:
        """Who answers, asked only as long as what comes can be saved."""

        async def answer(request: ChatRequest, emit: EmitChunk) -> Reply:
            self._save_now_and_then()
            return await complete(request, emit)

        return answer

    def _save_now_and_then(self) -> None:
        """Raises ModelError where nothing can be written: then nothing more is to be asked, and paid for."""
        began = self._clock()
        if began < self._next:
            return
        try:
            self.save()
        except Refusal as refused:
            raise ModelError(refused.message, "store-failed", retryable=False, final=True) from None
        ended = self._clock()
        self._next = ended + max(EVERY_S, _SHARE * (ended - began))

    def save(self) -> None:
        """Writes all that was recorded or has come, if anything has. Raises Refusal."""
        if self._recorder.has_new:
            self.wrote |= write_answers(self._file, self._recorder.ordered(keeps_unused=True))
