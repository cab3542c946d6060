"""Clients: one reply, objects of one's own, those that there are not."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import minions.clients
from minions import Minion, Minions, MinionsError, OllamaClient, OpenAIClient, Usage
from minions.clients.base import Absent, BuiltInClient, MinionsClient
from minions.loopback import Loopback
from support import LOG, TASK, Case


class Own(MinionsClient):
    """A client of a company's own; it is asked by one thread at a time."""

    def __init__(self, name: str, reply: Any) -> None:
        super().__init__(model_name=name)
        self.reply, self.asked = reply, 0

    def chat(self, messages: list[dict[str, Any]], **_: Any) -> Any:
        self.asked += 1
        return [self.reply(messages)], Usage(5, 10), ["stop"]


class Chat(Case):
    def test_a_local_reply_has_three_parts_a_remote_one_two(self) -> None:
        texts, usage, reasons = OllamaClient("llama3.2:3b").chat([{"role": "user", "content": "The Aurora?"}])
        self.assertEqual((texts, usage.total_tokens, reasons), (["It says: The Aurora."], 15, ["stop"]))
        texts, usage = OpenAIClient("gpt-4o", temperature=0.5).chat({"role": "user", "content": "The Aurora?"}, max_tokens=9)
        self.assertEqual(json.loads(texts[0])["answer"], "The Aurora.")
        body = self.server.requests[-1]
        self.assertEqual((body["temperature"], body["messages"]), (0.5, [{"role": "user", "content": "The Aurora?"}]))

    def test_a_schema_shapes_the_reply(self) -> None:
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
        OpenAIClient("gpt-4o", structured_output_schema=schema).chat([{"role": "user", "content": "Who?"}])
        self.assertEqual(self.server.requests[-1]["response_format"]["json_schema"]["schema"]["properties"], schema["properties"])
        OllamaClient("llama3.2:3b").chat([{"role": "user", "content": "Who?"}], response_format={"type": "json_object"})
        self.assertEqual(self.server.requests[-1]["format"], {"type": "object"})

    def test_what_can_not_be_asked_is_told(self) -> None:
        for messages, words in (
            ([], "must end with one"),
            ([{"role": "robot", "content": "x"}], "robot"),
            ([{"role": "user", "content": "x", "images": ["a.png"]}], "no images"),
        ):
            with self.subTest(words=words), self.assertRaises(MinionsError) as caught:
                OllamaClient("llama3.2:3b").chat(messages)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(caught.exception.kind, "input")
        with self.assertRaisesRegex(TypeError, "a dict with role and content"):
            OllamaClient("llama3.2:3b").chat("Who?")  # type: ignore[arg-type]


class OwnClients(Case):
    def test_an_object_with_chat_is_either_side(self) -> None:
        local, remote = self.sides()
        worker = Own("mine", lambda messages: "It says: The Aurora.")
        self.assertEqual(Minion(worker, remote)(TASK, [LOG]).final_answer, "The Aurora.")
        self.assertGreaterEqual(worker.asked, 1)
        supervisor = Own("company", lambda messages: self.server.supervise("\n".join(m["content"] for m in messages)))
        result = Minions(local, supervisor)(TASK, "A log.", [LOG])
        self.assertEqual(result.final_answer, "The Aurora.")
        # It may call anybody, so its calls are in the ledger.
        self.assertEqual(len(result.egress["calls"]), supervisor.asked)

    def test_what_it_raises_is_the_cause(self) -> None:
        def fail(_: Any) -> str:
            raise ZeroDivisionError("of the company")

        _, remote = self.sides()
        with self.assertRaises(MinionsError) as caught:
            Minion(Own("mine", fail), remote)(TASK, [LOG])
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
        self.assertIn("of the company", str(caught.exception))

    def test_an_async_chat_is_awaited(self) -> None:
        loops = set()

        class Later:
            async def chat(self, messages: Any) -> Any:
                loops.add(asyncio.get_running_loop())
                return "It says: The Aurora.", {"prompt_tokens": 1, "completion_tokens": 2}

        _, remote = self.sides()
        for _ in range(2):
            self.assertEqual(Minion(Later(), remote)(TASK, [LOG]).final_answer, "The Aurora.")
        # What a client keeps open stays of use.
        self.assertEqual(len(loops), 1)

    def test_a_stream_that_never_began_leaves_no_server(self) -> None:
        _, remote = self.sides()
        run = Minion(Own("mine", lambda _: ""), remote).stream(TASK, [LOG])
        self.assertTrue(any(thread.name == "minions-loopback" for thread in threading.enumerate()))
        del run
        self.assertFalse(any(thread.name == "minions-loopback" for thread in threading.enumerate()))

    def test_nobody_else_is_answered(self) -> None:
        served = Loopback(Own("mine", lambda _: "secret"))
        self.addCleanup(served.close)
        url = served.spec()["kwargs"]["base_url"]
        for token in ("", "Bearer wrong"):
            request = urllib.request.Request(f"{url}/models", headers={"Authorization": token} if token else {})
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            self.assertEqual(caught.exception.code, 401)
            caught.exception.close()


class Names(Case):
    def test_each_client_is_a_type_of_the_program_or_says_what_to_take(self) -> None:
        from minions.binary import find

        listed = subprocess.run([find(), "providers", "--json"], capture_output=True, check=True)
        types = {row["name"] for row in json.loads(listed.stdout)}
        used = set()
        for name in minions.clients.__all__:
            client = getattr(minions.clients, name)
            if issubclass(client, BuiltInClient):
                used.add(client.TYPE)
            elif issubclass(client, Absent):
                with self.assertRaises(MinionsError) as caught:
                    client("model", anything=1)
                self.assertGreater(len(str(caught.exception.hint)), 20)
        self.assertEqual(used, types)
        with self.assertRaisesRegex(AttributeError, "did you mean OllamaClient"):
            minions.clients.OlamaClient

    def test_options_keep_their_places(self) -> None:
        client = minions.clients.AzureOpenAIClient("gpt-4o", "k", "https://x.example.com", api_version="v", timeout=5)
        kwargs = {"api_key": "k", "azure_endpoint": "https://x.example.com", "api_version": "v"}
        self.assertEqual(client.spec(), {"type": "azure_openai", "model_name": "gpt-4o", "timeout": 5, "kwargs": kwargs})
        self.assertNotIn("'k'", repr(client))
        with self.assertRaisesRegex(MinionsError, "Hugging Face"):
            minions.clients.LlamaCppClient("dummy", model_repo_id="a/b")

    def test_importing_loads_next_to_nothing(self) -> None:
        source = str(Path(minions.clients.__file__).parents[2])
        code = f"import sys; sys.path.insert(0, {source!r}); before = set(sys.modules); import minions; print(*set(sys.modules) - before)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = {name.split(".")[0] for name in done.stdout.split()}
        self.assertFalse(loaded & {"json", "subprocess", "asyncio", "http", "inspect", "pydantic", "socket"}, loaded)
        self.assertLessEqual(loaded - {"minions"}, set(getattr(sys, "stdlib_module_names", loaded)))
