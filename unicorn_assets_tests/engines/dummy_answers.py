"""What the dummy server answers, in the API's form: by the `rules` engine to a row, one word to any other prompt."""

import hashlib
import json

from aiohttp import web

from unicorn_assets.engines.rules.answering import guess, read
from unicorn_assets.engines.rules.dialogs import dialog
from unicorn_assets.engines.rules.expansion import expand
from unicorn_assets.synthesis import grading, probing
from unicorn_assets.synthesis.prompts import TEMPLATES


def row_of(asked):
    """Task, material and seed of a row's prompt; None for any other prompt."""
    user = asked["messages"][-1]["content"]
    for task, template in (TEMPLATES | probing.TEMPLATES | {grading.TASK: grading.TEMPLATE}).items():
        if user.startswith(template.user):
            return task, user[len(template.user) :], asked["seed"]
    return None


def written(asked):
    """The `rules` engine's answer to a row; one word to any other prompt."""
    row = row_of(asked)
    if row is None:
        return "Blue."
    task, material, seed = row
    if task == grading.TASK:
        return json.dumps(dict(zip(grading.CRITERIA, (4, 4, 3, 2), strict=True)))
    if task in probing.TEMPLATES:
        caption, _, asked = material.rpartition("\n\nQUESTION\n")
        question, *options = asked.split("\n")
        options = [option.partition(". ")[2] for option in options]
        return read(question, options, caption, seed) if caption else guess(question, options, seed)
    return expand(material, seed) if task == "expansion" else dialog(task, material, material, seed)


CANNED = expand("A brown dog on a wide beach.", 1)


def completion(model, text, finish_reason="stop", **fields):
    """An answer as the API has it."""
    return {
        "id": f"chatcmpl-{hashlib.blake2b(text.encode(errors='replace'), digest_size=8).hexdigest()}",
        "object": "chat.completion",
        "model": f"{model}-as-served",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "reasoning_content": "Let me think.", **fields},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": len(text.split()), "total_tokens": 100},
    }


def error(status, message, code=None, headers=None):
    """A failure as the API has it."""
    return web.json_response({"error": {"message": message, "code": code}}, status=status, headers=headers)


def page():
    """A page, where a caller expects the API."""
    return web.Response(text="<!doctype html><title>Hello</title>", content_type="text/html")
