"""LangChain's completion class against a running specgate.

OPENAI_BASE_URL (with /v1) and OPENAI_API_KEY say which, as LangChain reads
them itself; MODEL is specgate-1 where it is not set. Exits with 1 where a
scenario fails.
"""

import os
import sys
import traceback

import openai
from langchain_openai import OpenAI

MODEL = os.environ.get("MODEL", "specgate-1")
PROMPT = "The capital of France is"


def llm(**settings):
    return OpenAI(model=MODEL, max_retries=0, timeout=30, **settings)


def completion():
    text = llm(max_tokens=8, seed=1, temperature=0).invoke(PROMPT)
    assert isinstance(text, str) and text, text


def batch():
    answer = llm(max_tokens=4).generate([PROMPT, "Once upon a time"])
    assert [len(choices) for choices in answer.generations] == [1, 1], answer
    assert all(choices[0].text for choices in answer.generations), answer


def choices():
    answer = llm(max_tokens=4, n=2).generate([PROMPT])
    assert [len(choices) for choices in answer.generations] == [2], answer


def usage():
    answer = llm(max_tokens=8, seed=1).generate([PROMPT])
    [[choice]] = answer.generations
    assert choice.generation_info["finish_reason"] in ("stop", "length"), answer
    used = answer.llm_output["token_usage"]
    assert 0 < used["completion_tokens"] <= 8, answer
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"], answer


def stream():
    model = llm(max_tokens=8, seed=1, temperature=0)
    pieces = list(model.stream(PROMPT))
    assert len(pieces) > 2, pieces
    assert "".join(pieces) == model.invoke(PROMPT), pieces


def unprocessable():
    try:
        llm(temperature=3).invoke(PROMPT)
    except openai.UnprocessableEntityError as error:
        assert error.status_code == 422, error
        assert "body.temperature: Input should be less than or equal to 2" in str(error), error
        assert error.param == "temperature" and error.code == "less_than_equal", error.body
    else:
        raise AssertionError("it was accepted")


def unprocessable_stream():
    try:
        list(llm(temperature=3).stream(PROMPT))
    except openai.UnprocessableEntityError as error:
        assert error.param == "temperature", error.body
    else:
        raise AssertionError("it was accepted")


def unauthorized():
    try:
        llm(api_key="sg-wrong").invoke(PROMPT)
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key" and "API key" in str(error), error
    else:
        raise AssertionError("it was accepted")


def main():
    failed = 0
    for scenario in (completion, batch, choices, usage, stream, unprocessable, unprocessable_stream, unauthorized):
        try:
            scenario()
        except Exception:
            failed = 1
            print(f"FAIL langchain {scenario.__name__}")
            traceback.print_exc()
        else:
            print(f"ok   langchain {scenario.__name__}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
