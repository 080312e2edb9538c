"""The client that openapi-python-client makes of openapi.yaml, against a running specgate.

SPECGATE_URL (without /v1) and TOKEN say which; MODEL is specgate-1
where it is not set. Exits with 1 where a scenario fails.
"""

import json
import os
import sys
import traceback
from collections.abc import Iterator

from specgate_client import AuthenticatedClient
from specgate_client.api.completions import create_completion
from specgate_client.api.models import list_models, retrieve_model
from specgate_client.models import (
    Completion,
    CompletionChunk,
    CompletionRequest,
    CompletionRequestStreamOptionsType0,
    CompletionUsage,
    Error,
    Logprobs,
    Model,
    ModelList,
    ValidationError,
)

URL = os.environ.get("SPECGATE_URL", "http://127.0.0.1:8420")
MODEL = os.environ.get("MODEL", "specgate-1")
PROMPT = "The capital of France is"

client = AuthenticatedClient(base_url=URL, token=os.environ.get("TOKEN", ""))


def complete(request: CompletionRequest) -> Completion:
    answer = create_completion.sync(client=client, body=request)
    assert isinstance(answer, Completion), answer
    return answer


def completion() -> None:
    answer = complete(CompletionRequest(model=MODEL, prompt=PROMPT, max_tokens=8, seed=1))
    choice = answer.choices[0]
    assert answer.object_ == "text_completion", answer
    assert answer.model == MODEL, answer
    assert choice.text, answer
    assert choice.logprobs is None, answer
    assert choice.finish_reason in ("stop", "length"), answer
    usage = answer.usage
    assert isinstance(usage, CompletionUsage), answer
    assert 0 < usage.completion_tokens <= 8, answer
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, answer


def batch() -> None:
    answer = complete(CompletionRequest(model=MODEL, prompt=["one", "two"], max_tokens=2, echo=True))
    assert [choice.index for choice in answer.choices] == [0, 1], answer
    assert [choice.text[:3] for choice in answer.choices] == ["one", "two"], answer


def tokens() -> None:
    one = complete(CompletionRequest(model=MODEL, prompt=[9906, 4435], max_tokens=2))
    assert len(one.choices) == 1, one
    assert isinstance(one.usage, CompletionUsage) and one.usage.prompt_tokens == 2, one
    two = complete(CompletionRequest(model=MODEL, prompt=[[9906, 4435], [9906]], max_tokens=2))
    assert len(two.choices) == 2, two
    assert isinstance(two.usage, CompletionUsage) and two.usage.prompt_tokens == 3, two


def choices() -> None:
    # The client sends the defaults of fields that are not given, and best_of 1 does not go with n 2.
    answer = complete(CompletionRequest(model=MODEL, prompt=PROMPT, max_tokens=2, n=2, best_of=None))
    assert [choice.index for choice in answer.choices] == [0, 1], answer


def logprobs() -> None:
    answer = complete(CompletionRequest(model=MODEL, prompt=PROMPT, max_tokens=4, logprobs=2, temperature=0))
    choice = answer.choices[0]
    found = choice.logprobs
    assert isinstance(found, Logprobs), answer
    assert found.tokens and found.token_logprobs and found.top_logprobs, answer
    assert "".join(token or "" for token in found.tokens) == choice.text, answer
    assert len(found.tokens) == len(found.token_logprobs), answer
    assert all(logprob is not None and logprob <= 0 for logprob in found.token_logprobs), answer
    assert all(top is not None and len(top.additional_properties) == 2 for top in found.top_logprobs), answer


def events(request: CompletionRequest) -> Iterator[str]:
    """The data of the events of a stream, up to [DONE]; raises where the stream ends without it."""
    request.stream = True
    with client.get_httpx_client().stream("POST", "/v1/completions", json=request.to_dict()) as response:
        if response.status_code != 200:
            response.read()
            raise RuntimeError(f"refused: {Error.from_dict(response.json()).error.message}")
        for line in response.iter_lines():
            if not line.startswith("data:"):  # a blank line, or the comment that keeps the connection
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            yield data
    raise RuntimeError("the stream broke off before [DONE]")


def chunks(request: CompletionRequest) -> Iterator[CompletionChunk]:
    for event in events(request):
        data = json.loads(event)
        if "error" in data:
            raise RuntimeError(f"the generation broke off: {Error.from_dict(data).error.message}")
        yield CompletionChunk.from_dict(data)


def stream() -> None:
    asked = CompletionRequest(model=MODEL, prompt=PROMPT, max_tokens=8, seed=1, temperature=0)
    whole = complete(asked)
    asked.stream_options = CompletionRequestStreamOptionsType0(include_usage=True)
    text, reasons, count = "", [], 0
    usage: CompletionUsage | None = None
    for chunk in chunks(asked):
        count += 1
        for choice in chunk.choices:
            text += choice.text
            if choice.finish_reason:
                reasons.append(choice.finish_reason.value)
        if isinstance(chunk.usage, CompletionUsage):
            usage = chunk.usage
    assert count > 2, count
    assert text == whole.choices[0].text, (text, whole)
    assert reasons == [whole.choices[0].finish_reason.value], (reasons, whole)
    assert usage == whole.usage, (usage, whole)


def violations() -> None:
    answer = create_completion.sync_detailed(
        client=client, body=CompletionRequest(model=MODEL, prompt=[9906, -1], n=0, temperature=3)
    )
    assert answer.status_code == 422, answer
    refused = answer.parsed
    assert isinstance(refused, ValidationError), answer
    assert [(violation.loc, violation.type_) for violation in refused.detail] == [
        (["body", "prompt", 1], "greater_than_equal"),
        (["body", "n"], "greater_than_equal"),
        (["body", "temperature"], "less_than_equal"),
    ], refused
    assert refused.error.param == "prompt.1", refused


def unauthorized() -> None:
    stranger = AuthenticatedClient(base_url=URL, token="sg-wrong")
    answer = create_completion.sync_detailed(client=stranger, body=CompletionRequest(model=MODEL, prompt=PROMPT))
    assert answer.status_code == 401, answer
    assert isinstance(answer.parsed, Error), answer
    assert answer.parsed.error.code == "invalid_api_key", answer


def models() -> None:
    answer = list_models.sync(client=client)
    assert isinstance(answer, ModelList), answer
    assert MODEL in [model.id for model in answer.data], answer
    one = retrieve_model.sync(MODEL, client=client)
    assert isinstance(one, Model) and one.id == MODEL, one


def main() -> int:
    failed = 0
    for scenario in (completion, batch, tokens, choices, logprobs, stream, violations, unauthorized, models):
        try:
            scenario()
        except Exception:
            failed = 1
            print(f"FAIL python {scenario.__name__}")
            traceback.print_exc()
        else:
            print(f"ok   python {scenario.__name__}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
