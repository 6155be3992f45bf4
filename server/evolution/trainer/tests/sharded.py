"""Run by two processes: a model spread with FSDP gives the same adapter and optimiser files as one that is whole."""

import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from safetensors.torch import load_file
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from rstar_trainer.base import load_weights
from rstar_trainer.job import Lora
from rstar_trainer.model import add_adapter, logits_at
from rstar_trainer.packing import pack
from rstar_trainer.workers import Workers


def build(base: Path, *, sharded: bool) -> tuple[Any, Any]:
    model = add_adapter(load_weights(base, torch.float32), Lora(4, 8, 0), 3)
    if sharded:
        for layer in model.base_model.model.model.layers:
            fully_shard(layer)
        fully_shard(model)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return model, AcceleratedOptimizer(torch.optim.AdamW(trainable, lr=0.01))


def step(model: Any, optimizer: Any) -> None:
    optimizer.zero_grad()
    logits_at(model, pack([[5, 6, 7], [5, 6, 8]]), torch.tensor([2, 3])).square().mean().backward()
    optimizer.step()


def main(base: Path, folder: Path) -> None:
    workers = Workers()
    whole, sharded = build(base, sharded=False), build(base, sharded=True)
    assert any(isinstance(parameter, DTensor) for parameter in sharded[0].parameters())
    files = []
    for name, pair in (("whole", whole), ("sharded", sharded)):
        for _ in range(2):
            step(*pair)
        (folder / name).mkdir(exist_ok=True)
        workers.wait()
        workers.save_optimizer(*pair, folder / name)
        workers.wait()
        files.append(load_file(folder / name / "optimizer.safetensors"))
    same(*files)
    same(workers.adapter(whole[0]), workers.adapter(sharded[0]))
    # What the whole model wrote, a fresh sharded one goes on from.
    fresh, optimizer = build(base, sharded=True)
    with torch.no_grad():
        for new, old in zip(fresh.parameters(), sharded[0].parameters(), strict=True):
            new.copy_(old)
    workers.load_optimizer(fresh, optimizer, folder / "whole")
    step(fresh, optimizer)
    step(*whole)
    same(workers.adapter(whole[0]), workers.adapter(fresh))
    print("same", flush=True)


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert first
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], atol=1e-5), name


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
