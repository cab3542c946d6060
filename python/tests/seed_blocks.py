"""The calls that the original's README shows, in its order, with names and addresses that are filled in.

Blocks are parted by lines of `# ---`; the test runs each by itself. MODEL, REMOTE, GGUF, AZURE and ESTIMATED are replaced.
"""
# --- minion
from minions.clients.ollama import OllamaClient
from minions.clients.openai import OpenAIClient
from minions.minion import Minion

local_client = OllamaClient(
        model_name="MODEL",
    )

remote_client = OpenAIClient(
        model_name="REMOTE",
    )

minion = Minion(local_client, remote_client)


context = """
Log of the harbour master of Brest, 4 May 1887. Wind from the north, light rain.
The Aurora came in at noon with forty barrels of oil, and left before the tide turned.
"""

task = "Which vessel came in at noon?"

output = minion(
    task=task,
    context=[context],
    max_rounds=2
)
# --- minions
from minions.clients.ollama import OllamaClient
from minions.clients.openai import OpenAIClient
from minions.minions import Minions
from pydantic import BaseModel

class StructuredLocalOutput(BaseModel):
    explanation: str
    citation: str | None
    answer: str | None

local_client = OllamaClient(
        model_name="MODEL",
        temperature=0.0,
        structured_output_schema=StructuredLocalOutput
)

remote_client = OpenAIClient(
        model_name="REMOTE",
)


minion = Minions(local_client, remote_client)


context = """
Log of the harbour master of Brest, 4 May 1887. Wind from the north, light rain.
The Aurora came in at noon with forty barrels of oil, and left before the tide turned.
"""

task = "Which vessel came in at noon?"

output = minion(
    task=task,
    doc_metadata="Log of a Harbour",
    context=[context],
    max_rounds=2
)
# --- llama_cpp
from minions.clients import LlamaCppClient

client = LlamaCppClient(
    model_path="GGUF",
    chat_format="chatml",
    n_gpu_layers=35
)

messages = [
    {"role": "system", "content": "You answer briefly."},
    {"role": "user", "content": "What is the capital of France?"}
]

responses, usage, done_reasons = client.chat(messages)
print(responses[0])
# --- azure
from minions.clients.ollama import OllamaClient
from minions.clients.azure_openai import AzureOpenAIClient
from minions.minion import Minion

local_client = OllamaClient(
    model_name="MODEL",
)

remote_client = AzureOpenAIClient(
    model_name="REMOTE",
    api_key="your-api-key",
    azure_endpoint="AZURE",
    api_version="2024-02-15-preview",
)

minion = Minion(local_client, remote_client)
# --- estimator
from minions.utils.inference_estimator import InferenceEstimator

estimator = InferenceEstimator(
    model_name="ESTIMATED",
    is_quant=True,
    quant_bits=4
)

tokens_per_second, estimated_time = estimator.estimate(1000)
print(f"Estimated speed: {tokens_per_second:.1f} tokens/sec")
print(f"Estimated time: {estimated_time:.2f} seconds")

detailed_info = estimator.describe(1000)
print(detailed_info)

estimator.calibrate(my_model_client, sample_tokens=32, prompt="Hello")
