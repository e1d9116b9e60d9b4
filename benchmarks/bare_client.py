"""The bare client: makes the calls of a JSON file with httpx2 and does nothing else. `python bare_client.py JOBS`.

It is what a careful script would be: one import, pools of few connections (httpx2 looks through them one by one),
streams read as bytes, text that calls share encoded once.
"""

import asyncio
import json
import random
import ssl
import sys
from pathlib import Path

import httpx2

POOL = 8


async def ask(client: httpx2.AsyncClient, url: str, body: bytes, tries: int) -> str:
    """The text of one answer; sent again after a fault with full jitter, or when the server says."""
    for attempt in range(tries):
        wait_s = random.random() * min(0.5 * 2**attempt, 8.0)
        try:
            async with client.stream("POST", url, content=body, headers={"Content-Type": "application/json"}) as reply:
                if reply.status_code == 200:
                    return await read(reply)
                wait_s = float(reply.headers.get("Retry-After", wait_s))
                await reply.aread()
        except (httpx2.TransportError, EOFError):
            pass
        await asyncio.sleep(wait_s)
    raise SystemExit(f"no answer in {tries} tries")


async def read(reply: httpx2.Response) -> str:
    """The text of a stream, put together from its events. Raises EOFError for one that is cut off."""
    text: list[str] = []
    rest, is_whole = b"", False
    async for data in reply.aiter_raw():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line == b"data: [DONE]":
                is_whole = True
            elif line.startswith(b"data: "):
                for choice in json.loads(line[6:])["choices"]:
                    text.append(choice["delta"].get("content") or "")
    if not is_whole:
        raise EOFError
    return "".join(text)


async def main() -> None:
    """Makes every call as soon as those that it builds on are answered, so many at the same time."""
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    shared = json.dumps(Path(jobs["shared"]).read_text(encoding="utf-8"))[1:-1].encode() if jobs["shared"] else b""
    gate = asyncio.Semaphore(jobs["at_once"])
    limits = httpx2.Limits(max_connections=POOL, max_keepalive_connections=POOL)
    pools = -(-jobs["at_once"] // POOL)
    trust = ssl.create_default_context()
    clients = [httpx2.AsyncClient(verify=trust, limits=limits, timeout=None, trust_env=False) for _ in range(pools)]
    head = b'{"model":%b,"messages":[{"role":"user","content":"' % json.dumps(jobs["model"]).encode()
    tail = b'"}],"stream":true,"stream_options":{"include_usage":true}}'
    answers: list[asyncio.Task[str]] = []

    async def call(number: int, prompt: str, after: list[int]) -> str:
        earlier = [await answers[one] for one in after]
        body = b"".join((head, shared, json.dumps(" ".join((prompt, *earlier)))[1:-1].encode(), tail))
        async with gate:
            return await ask(clients[number % pools], f"{jobs['url']}/chat/completions", body, jobs["tries"])

    for number, (prompt, after) in enumerate(jobs["calls"]):
        answers.append(asyncio.create_task(call(number, prompt, after)))
    await asyncio.gather(*answers)
    for client in clients:
        await client.aclose()


asyncio.run(main())
