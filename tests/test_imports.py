"""What is loaded when, by the names of modules and never by the clock: what takes long to load waits until it is needed."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys, warnings
import maskscope as ms
loaded = [sorted(sys.modules)]
for name in ms.__all__:
    getattr(ms, name)
loaded.append(sorted(sys.modules))
import torch
network, inputs = torch.nn.Linear(3, 2), torch.ones(4, 3)
warnings.simplefilter("ignore")
# without the compiled kernels, which need numba, and without a judgement, which draws by them
compute = ms.Compute(executor="sequential", kernels="reference")
config = ms.MaskConfig(steps=2, size=ms.Penalty(1e-4))
asked = {"config": config, "compute": compute, "seed": 0, "observers": (), "judge": False}
ms.discover(network, lambda guest, part: guest(part).square().mean(), [inputs], **asked)
loaded.append(sorted(sys.modules))
print(json.dumps(loaded))
"""
# seconds, or most of one, each
NEVER = {"scipy", "numba", "triton", "sympy", "matplotlib", "jinja2", "pandas", "sklearn", "requests", "tyro"}
NEVER |= {"transformers", "ray", "huggingface_hub", "wandb", "IPython", "torch._dynamo", "torch._inductor"}


def test_what_is_slow_to_load_is_loaded_when_it_is_needed():
    """One process: the package alone, then all that it offers, then a search."""
    said = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout
    package, names, search = map(set, json.loads(said))
    assert package & (NEVER | {"torch", "numpy", "rich", "cattrs", "safetensors"}) == set()
    assert names & NEVER == set()
    assert search & NEVER == set()
    assert "torch" in names
