"""What PyTorch says on given prompts: token ids and the likeliest next tokens, for comparison with the engine."""

from pathlib import Path
from typing import Any

import torch

from .base import load_tokenizer, load_weights, prepare_base
from .job import parse_base
from .model import load_adapter, logits_at
from .packing import pack


def reference(request: dict[str, Any], bases: Path) -> dict[str, Any]:
    """Read the request `{base, adapter, prompts, top}` and answer `{prompts, ends}`.

    A prompt is a list of pieces. Its answer has the token ids with the beginning-of-text token in front, and after each
    piece the `top` likeliest tokens with their natural log-probabilities, in float32; and what these tokens'
    log-probabilities are without the adapter.
    """
    prepared = prepare_base(parse_base(request["base"]), bases)
    tokenize = load_tokenizer(prepared.folder)
    model = load_adapter(load_weights(prepared.folder, torch.float32), Path(request["adapter"]), trainable=False)
    model.eval()
    answers = []
    for prompt in request["prompts"]:
        tokens, ends = list(prepared.start), []
        for piece in prompt:
            tokens += tokenize(piece)
            ends.append(len(tokens) - 1)
        packed, places = pack([tokens]), torch.tensor(ends)
        with torch.no_grad():
            likely = torch.log_softmax(logits_at(model, packed, places), dim=1).topk(request["top"], dim=1)
            with model.disable_adapter():
                plain = torch.log_softmax(logits_at(model, packed, places), dim=1).gather(1, likely.indices)
        rows = zip(likely.indices.tolist(), likely.values.tolist(), plain.tolist(), strict=True)
        positions = [{"tokens": ids, "logProbs": values, "plain": without} for ids, values, without in rows]
        answers.append({"tokens": tokens, "positions": positions})
    return {"prompts": answers, "ends": prepared.ends}
