"""The base with a LoRA adapter, and its logits at chosen places of a packed row."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from .failures import BAD_BASE, CORRUPT_CHECKPOINT, TrainingError
from .job import Lora
from .packing import Packed


def add_adapter(model: Any, lora: Lora, seed: int) -> Any:
    """A new adapter on every linear layer but the output matrix. It changes nothing until it is trained."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def load_adapter(model: Any, folder: Path, *, trainable: bool) -> Any:
    """An adapter that was saved. Raises when it does not fit the model or its file is damaged."""
    from peft import PeftModel

    try:
        json.loads((folder / "adapter_config.json").read_text("utf-8"))
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (OSError, ValueError, SafetensorError) as error:
        raise TrainingError(
            CORRUPT_CHECKPOINT,
            f"The adapter in {folder} cannot be read: {error}. Choose another one, or train it again.",
        ) from error
    except RuntimeError as error:
        raise TrainingError(BAD_BASE, f"The adapter in {folder} does not fit this base model: {error}.") from error


def logits_at(model: Any, packed: Packed, places: torch.Tensor) -> torch.Tensor:
    """Float32 logits of a packed row at some places, shape (places, vocabulary). The output matrix runs only there."""
    device = next(model.parameters()).device
    output = model(
        input_ids=packed.tokens.unsqueeze(0).to(device),
        position_ids=packed.positions.unsqueeze(0).to(device),
        attention_mask=packed.visible.unsqueeze(0).unsqueeze(0).to(device),
        use_cache=False,
        logits_to_keep=places.to(device),
    )
    return output.logits[0].float()


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The type that the base computes in; `auto` takes bfloat16 where the machine is faster with it."""
    if wanted == "float32":
        return torch.float32
    if wanted == "bfloat16":
        return torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type != "cpu":
        return torch.float32
    exact = _seconds(torch.float32, goes=5)
    # Without instructions for it bfloat16 takes hundreds of times as long, which two goes tell in a second.
    if _seconds(torch.bfloat16, goes=2) > 5 * exact:
        return torch.float32
    return torch.bfloat16 if _seconds(torch.bfloat16, goes=5) < 0.8 * exact else torch.float32


def _seconds(dtype: torch.dtype, goes: int) -> float:
    """The best of some multiplications of about the size that training does."""
    left, right = torch.ones(128, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    best = float("inf")
    for _ in range(goes):
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    return best
