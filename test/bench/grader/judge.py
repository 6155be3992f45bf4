"""The verdicts of Math-Verify and of the lm-eval harness on pairs of reference and answer, each called as its makers do.

Reads a JSON list of {"reference", "answer"} from standard input and writes one of verdicts to standard output. Runs in a
virtual environment of its own (see main.ts).
"""

import contextlib
import importlib.util
import json
import os
import sys
from importlib.metadata import version

import yaml
from math_verify import parse, verify

with contextlib.redirect_stdout(sys.stderr):
    import lm_eval
    from lm_eval.api.metrics import exact_match_hf_evaluate
    from lm_eval.filters.extraction import RegexFilter

TASKS = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")


def _module(path):
    spec = importlib.util.spec_from_file_location("minerva_math_utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


minerva = _module(os.path.join(TASKS, "minerva_math", "utils.py"))
with open(os.path.join(TASKS, "gsm8k", "gsm8k.yaml"), encoding="utf-8") as file:
    gsm8k = yaml.safe_load(file)


def _gsm8k_filter(name):
    chain = next(each["filter"] for each in gsm8k["filter_list"] if each["name"] == name)
    settings = {key: value for key, value in chain[0].items() if key != "function"}
    return RegexFilter(**settings)


_METRIC = {
    key: value
    for key, value in gsm8k["metric_list"][0].items()
    if key in ("ignore_case", "ignore_punctuation", "regexes_to_ignore")
}


def _by_gsm8k(chain, reference, answer):
    """The task's own filter and metric; the answer stands where the task's examples have it."""
    extracted = chain.apply([[f"#### {answer}"]], [{}])[0][0]
    result = exact_match_hf_evaluate([extracted], [f"#### {reference}"], **_METRIC)
    return {"equal": bool(result["exact_match"] == 1), "read": extracted}


def _values(found):
    """What was read; a text among the readings is the input as it was."""
    return [str(each) for each in found if not isinstance(each, str)]


def _by_math_verify(reference, answer):
    gold, target = parse(f"\\boxed{{{reference}}}"), parse(f"\\boxed{{{answer}}}")
    return {"equal": bool(verify(gold, target)), "read": _values(target), "gold": _values(gold)}


def _by_minerva(reference, answer):
    document = {"solution": f"\\boxed{{{reference}}}", "answer": minerva.normalize_final_answer(reference)}
    text = f"Final Answer: The final answer is ${answer}$. I hope it is correct."
    result = minerva.process_results(document, [text])
    return {"equal": bool(result["exact_match"]), "read": minerva.normalize_final_answer(minerva.get_unnormalized_answer(text))}


def _guarded(judge, *arguments):
    try:
        return judge(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a judge trips over is its verdict
        return {"equal": False, "error": f"{type(error).__name__}: {error}"[:200]}


_STRICT, _FLEXIBLE = _gsm8k_filter("strict-match"), _gsm8k_filter("flexible-extract")
pairs = json.load(sys.stdin)
verdicts = []
for pair in pairs:
    reference, answer = pair["reference"], pair["answer"]
    verdicts.append(
        {
            "mathVerify": _guarded(_by_math_verify, reference, answer),
            "minerva": _guarded(_by_minerva, reference, answer),
            "gsm8kStrict": _guarded(_by_gsm8k, _STRICT, reference, answer),
            "gsm8kFlexible": _guarded(_by_gsm8k, _FLEXIBLE, reference, answer),
        }
    )
json.dump({"versions": {name: version(name) for name in ("lm_eval", "math-verify", "sympy")}, "verdicts": verdicts}, sys.stdout)
