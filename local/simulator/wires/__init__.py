"""The servers of `/v1/videos` that run today, each as it was seen to speak.

One module for each that differs from Azure and OpenAI. What is not said there is as in `sora2.py`.
The facts: the servers' own code, in the version that the module names, and answers of the running
server; where neither was to be had, a mark [?].
"""

from collections.abc import Mapping

from local.simulator.config import Config, Deployment, WireName
from local.simulator.sora1 import Sora1
from local.simulator.sora2 import OpenAI, Sora2
from local.simulator.wire import Wire
from local.simulator.wires.bifrost import Bifrost
from local.simulator.wires.litellm import LiteLlm
from local.simulator.wires.new_api import NewApi
from local.simulator.wires.openrouter import OpenRouter
from local.simulator.wires.sglang import SgLang
from local.simulator.wires.tensorrt_llm import TensorRtLlm
from local.simulator.wires.vllm_omni import VllmOmni

WIRES: Mapping[WireName, Sora2] = {
    "azure": Sora2(),
    "openai": OpenAI(),
    "litellm": LiteLlm(),
    "vllm-omni": VllmOmni(),
    "sglang": SgLang(),
    "tensorrt-llm": TensorRtLlm(),
    "bifrost": Bifrost(),
    "new-api": NewApi(),
    "openrouter": OpenRouter(),
}

_SORA_1 = Sora1()


def at_the_root(config: Config) -> tuple[Wire, ...]:
    """The servers that need no `/wires/NAME` in front of their paths."""
    if config.wire is None:
        return (WIRES["azure"], WIRES["openai"], _SORA_1)
    return (WIRES[config.wire], _SORA_1)


def wire_of(config: Config, deployment: Deployment | None) -> Wire:
    """The server that a deployment stands behind. A deployment that the config no longer has was
    Azure's."""
    if deployment is not None and deployment.dialect == "sora-1":
        return _SORA_1
    return WIRES[(deployment and config.wire_of(deployment)) or "azure"]
