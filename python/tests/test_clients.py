"""Clients: one reply, their reprs, those that there are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import minions.clients
from minions import Minion, MinionsError, OllamaClient, OpenAIClient
from minions.clients import base
from minions.clients.base import Absent, BuiltInClient
from support import Case


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

    def test_a_call_s_timeout_replaces_the_client_s(self) -> None:
        texts, _, _ = OllamaClient("llama3.2:3b", timeout=5).chat({"role": "user", "content": "The Aurora?"}, timeout=60)
        self.assertEqual(texts, ["It says: The Aurora."])

    def test_two_schemas_of_a_call_are_one_too_many(self) -> None:
        with self.assertRaisesRegex(TypeError, "not both"):
            OllamaClient("m").chat([], structured_output_schema={"type": "object"}, response_format={"type": "json_object"})

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


class Reprs(Case):
    def test_a_repr_has_no_key(self) -> None:
        address = "https://user:LEAK@host.example/v1?key=LEAK"
        values: dict[str, Any] = {"base_url": address, "port": 80, "thinking": True}
        for name in base._SERVERS:
            value = values.get(name, {"Authorization": "LEAK", "x-api-key": "LEAK"} if name.endswith("headers") else "LEAK")
            with self.subTest(name=name):
                client = OpenAIClient("gpt-4o", **{name: value})
                self.assertNotIn("LEAK", repr(client))
                self.assertNotIn("LEAK", repr(Minion(None, client)))
        shown = repr(OpenAIClient("gpt-4o", base_url=[address], extra_headers={"x-api-key": "LEAK"}))
        self.assertEqual(shown, "OpenAIClient(model_name='gpt-4o', base_url=['https://...@host.example/v1?...'], extra_headers={'x-api-key': '...'})")

    def test_nor_has_what_stands_within_an_option(self) -> None:
        tools = [{"type": "mcp", "server_url": "https://a:LEAK@host/", "authorization": "LEAK", "headers": {"X": "LEAK"}}]
        for client in (
            OpenAIClient("gpt-4o", tools=tools),
            minions.clients.AzureOpenAIClient("m", azure_endpoint="u:LEAK@host"),
            minions.clients.HuggingFaceClient("m", api_token="LEAK"),
            minions.clients.OllamaTurboClient("m", "LEAK", host="u:LEAK@host"),
        ):
            self.assertNotIn("LEAK", repr(client))
        # Nothing else is hidden.
        self.assertIn("max_tokens=9", repr(OpenAIClient("gpt-4o", max_tokens=9)))

    def test_nor_has_the_error_about_what_is_no_client(self) -> None:
        with self.assertRaises(TypeError) as caught:
            Minion({"type": "openai", "kwargs": {"api_key": "LEAK"}})
        self.assertNotIn("LEAK", str(caught.exception))


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

    def test_clients_of_one_constructor_keep_their_places_too(self) -> None:
        client = minions.clients.VLLMClient("m", 0.5, 9, "http://127.0.0.1:1/v1", 8000, "k")
        kwargs = {"temperature": 0.5, "max_tokens": 9, "base_url": "http://127.0.0.1:1/v1", "api_key": "k"}
        self.assertEqual(client.spec(), {"type": "vllm", "model_name": "m", "port": 8000, "kwargs": kwargs})
        from minions.clients.groq import GroqClient

        self.assertIs(GroqClient, minions.clients.GroqClient)
        self.assertEqual(GroqClient("m", "k", 0.5, documents=[]).spec()["kwargs"]["documents"], [])

    def test_all_names_come_with_a_star(self) -> None:
        names: dict[str, Any] = {}
        exec("from minions import *", names)
        del names["__builtins__"]
        self.assertEqual(set(names), {*minions._HOMES, *minions.clients.__all__})
        self.assertIn("OllamaClient", dir(minions))

    def test_importing_loads_next_to_nothing(self) -> None:
        source = str(Path(minions.clients.__file__).parents[2])
        code = f"import sys; sys.path.insert(0, {source!r}); before = set(sys.modules); import minions; print(*set(sys.modules) - before)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = {name.split(".")[0] for name in done.stdout.split()}
        self.assertFalse(loaded & {"json", "subprocess", "asyncio", "http", "inspect", "pydantic", "socket"}, loaded)
        self.assertLessEqual(loaded - {"minions"}, set(getattr(sys, "stdlib_module_names", loaded)))
