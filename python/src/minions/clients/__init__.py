"""Clients by their names; each module is loaded when its class is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minions.clients.base import MinionsClient as MinionsClient
    from minions.clients.anthropic import AnthropicClient as AnthropicClient
    from minions.clients.azure_openai import AzureOpenAIClient as AzureOpenAIClient
    from minions.clients.baseten import BasetenClient as BasetenClient
    from minions.clients.cartesia_mlx import CartesiaMLXClient as CartesiaMLXClient
    from minions.clients.cerebras import CerebrasClient as CerebrasClient
    from minions.clients.cloudflare import CloudflareGatewayClient as CloudflareGatewayClient
    from minions.clients.cohere import CohereClient as CohereClient
    from minions.clients.alike import DeepSeekClient as DeepSeekClient
    from minions.clients.distributed_inference import DistributedInferenceClient as DistributedInferenceClient
    from minions.clients.docker_model_runner import DockerModelRunnerClient as DockerModelRunnerClient
    from minions.clients.exa import ExaClient as ExaClient
    from minions.clients.alike import FireworksClient as FireworksClient
    from minions.clients.gemini import GeminiClient as GeminiClient
    from minions.clients.grok import GrokClient as GrokClient
    from minions.clients.alike import GroqClient as GroqClient
    from minions.clients.huggingface import HuggingFaceClient as HuggingFaceClient
    from minions.clients.lemonade import LemonadeClient as LemonadeClient
    from minions.clients.llama_cpp import LlamaCppClient as LlamaCppClient
    from minions.clients.alike import LlamaServerClient as LlamaServerClient
    from minions.clients.alike import LMStudioClient as LMStudioClient
    from minions.clients.lmcache import LMCacheClient as LMCacheClient
    from minions.clients.alike import MiniMaxClient as MiniMaxClient
    from minions.clients.mistral import MistralClient as MistralClient
    from minions.clients.mlx_clients import MLXAudioClient as MLXAudioClient
    from minions.clients.mlx_clients import MLXLMClient as MLXLMClient
    from minions.clients.mlx_clients import MLXOmniClient as MLXOmniClient
    from minions.clients.mlx_clients import MLXParallmClient as MLXParallmClient
    from minions.clients.modular import ModularClient as ModularClient
    from minions.clients.alike import MoonshotClient as MoonshotClient
    from minions.clients.notdiamond import NotDiamondAIClient as NotDiamondAIClient
    from minions.clients.nousresearch import NousResearchClient as NousResearchClient
    from minions.clients.novita import NovitaClient as NovitaClient
    from minions.clients.ollama import OllamaClient as OllamaClient
    from minions.clients.ollama import OllamaTurboClient as OllamaTurboClient
    from minions.clients.alike import OpenAIClient as OpenAIClient
    from minions.clients.openrouter import OpenRouterClient as OpenRouterClient
    from minions.clients.osaurus import OsaurusClient as OsaurusClient
    from minions.clients.parallel import ParallelClient as ParallelClient
    from minions.clients.alike import PerplexityAIClient as PerplexityAIClient
    from minions.clients.alike import QwenClient as QwenClient
    from minions.clients.sambanova import SambanovaClient as SambanovaClient
    from minions.clients.sarvam import SarvamClient as SarvamClient
    from minions.clients.secure import SecureClient as SecureClient
    from minions.clients.alike import SGLangClient as SGLangClient
    from minions.clients.tencent import TencentClient as TencentClient
    from minions.clients.together import TogetherClient as TogetherClient
    from minions.clients.tokasaurus import TokasaurusClient as TokasaurusClient
    from minions.clients.transformers import TransformersClient as TransformersClient
    from minions.clients.vercel_gateway import VercelGatewayClient as VercelGatewayClient
    from minions.clients.alike import VLLMClient as VLLMClient

_HOMES = {
    "AnthropicClient": "anthropic",
    "AzureOpenAIClient": "azure_openai",
    "BasetenClient": "baseten",
    "CartesiaMLXClient": "cartesia_mlx",
    "CerebrasClient": "cerebras",
    "CloudflareGatewayClient": "cloudflare",
    "CohereClient": "cohere",
    "DeepSeekClient": "alike",
    "DistributedInferenceClient": "distributed_inference",
    "DockerModelRunnerClient": "docker_model_runner",
    "ExaClient": "exa",
    "FireworksClient": "alike",
    "GeminiClient": "gemini",
    "GrokClient": "grok",
    "GroqClient": "alike",
    "HuggingFaceClient": "huggingface",
    "LMCacheClient": "lmcache",
    "LMStudioClient": "alike",
    "LemonadeClient": "lemonade",
    "LlamaCppClient": "llama_cpp",
    "LlamaServerClient": "alike",
    "MLXAudioClient": "mlx_clients",
    "MLXLMClient": "mlx_clients",
    "MLXOmniClient": "mlx_clients",
    "MLXParallmClient": "mlx_clients",
    "MiniMaxClient": "alike",
    "MistralClient": "mistral",
    "ModularClient": "modular",
    "MoonshotClient": "alike",
    "NotDiamondAIClient": "notdiamond",
    "NousResearchClient": "nousresearch",
    "NovitaClient": "novita",
    "OllamaClient": "ollama",
    "OllamaTurboClient": "ollama",
    "OpenAIClient": "alike",
    "OpenRouterClient": "openrouter",
    "OsaurusClient": "osaurus",
    "ParallelClient": "parallel",
    "PerplexityAIClient": "alike",
    "QwenClient": "alike",
    "SGLangClient": "alike",
    "SambanovaClient": "sambanova",
    "SarvamClient": "sarvam",
    "SecureClient": "secure",
    "TencentClient": "tencent",
    "TogetherClient": "together",
    "TokasaurusClient": "tokasaurus",
    "TransformersClient": "transformers",
    "VLLMClient": "alike",
    "VercelGatewayClient": "vercel_gateway",
    "MinionsClient": "base",
}
if not TYPE_CHECKING:
    # A checker reads no list that is made; it has the names from above.
    __all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"minions.clients.{_HOMES[name]}"), name)
    if not name.endswith("Client"):
        raise AttributeError(f"module 'minions.clients' has no attribute {name!r}")
    import difflib

    near = difflib.get_close_matches(name, _HOMES, 1)
    hint = f"did you mean {near[0]}?" if near else "OpenAIClient(base_url=...) takes every server that speaks its dialect"
    raise AttributeError(f"there is no client {name}; {hint}")
