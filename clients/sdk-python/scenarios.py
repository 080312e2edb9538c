"""OpenAI's SDK for Python against a running specgate.

OPENAI_BASE_URL (with /v1) and OPENAI_API_KEY say which, as the SDK reads them
itself; MODEL is specgate-1 where it is not set. Exits with 1 where a scenario
fails.
"""

import math
import os
import sys
import traceback

import openai

MODEL = os.environ.get("MODEL", "specgate-1")
PROMPT = "The capital of France is"

client = openai.OpenAI(max_retries=0, timeout=30)


def completion():
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=8, seed=1)
    choice = answer.choices[0]
    assert answer.object == "text_completion", answer
    assert answer.model == MODEL, answer
    assert choice.text, answer
    assert choice.finish_reason in ("stop", "length"), answer
    usage = answer.usage
    assert 0 < usage.completion_tokens <= 8, answer
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, answer


def stream():
    asked = {"model": MODEL, "prompt": PROMPT, "max_tokens": 8, "seed": 1, "temperature": 0}
    text, reasons, usage, chunks = "", [], None, 0
    for chunk in client.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        chunks += 1
        for choice in chunk.choices:
            text += choice.text
            if choice.finish_reason:
                reasons.append(choice.finish_reason)
        usage = chunk.usage or usage
    whole = client.completions.create(**asked)
    assert chunks > 2, chunks
    assert text == whole.choices[0].text, (text, whole)
    assert reasons == [whole.choices[0].finish_reason], (reasons, whole)
    assert usage == whole.usage, (usage, whole)


def logprobs():
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=5, logprobs=3, temperature=0)
    choice = answer.choices[0]
    found = choice.logprobs
    assert "".join(found.tokens) == choice.text, answer
    assert found.text_offset[0] == len(PROMPT), answer
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset), answer
    for token, logprob, top in zip(found.tokens, found.token_logprobs, found.top_logprobs):
        assert math.isfinite(logprob) and logprob <= 0, answer
        # The likeliest token is the one that temperature 0 takes.
        assert len(top) == 3 and top[token] == logprob == max(top.values()), answer


def unprocessable():
    try:
        client.completions.create(model=MODEL, prompt=PROMPT, temperature=3)
    except openai.UnprocessableEntityError as error:
        assert error.status_code == 422, error
        assert "temperature" in error.message, error.message
        assert error.param == "temperature" and error.code == "less_than_equal", error.body
        detail = error.response.json()["detail"]
        assert [item["loc"] for item in detail] == [["body", "temperature"]], detail
        assert error.request_id, error
    else:
        raise AssertionError("it was accepted")


def unauthorized():
    try:
        client.with_options(api_key="sg-wrong").completions.create(model=MODEL, prompt=PROMPT)
    except openai.AuthenticationError as error:
        assert error.status_code == 401, error
        assert error.code == "invalid_api_key" and "API key" in error.message, error
    else:
        raise AssertionError("it was accepted")


def main():
    failed = 0
    for scenario in (completion, stream, logprobs, unprocessable, unauthorized):
        try:
            scenario()
        except Exception:
            failed += 1
            print(f"FAIL python {scenario.__name__}")
            traceback.print_exc()
        else:
            print(f"ok   python {scenario.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
