#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Uses `intarsia serve` with OpenAI's own Python client (PyPI: openai): lists, answers, streams, stops on a stop text, cancels,
asks for log-probabilities, provokes every refusal, lets eight clients talk for a minute, and watches the server's memory over
12,000 tokens of conversations.

  tests/golden/server/openai_client.py [--intarsia PATH] [--model MODEL] [--seconds 60] [--tokens 12000] [--address URL]

Starts a server of its own unless --address names one. Exits 0 when all is well."""
import argparse
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import openai

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
TOOLS = [{"type": "function", "function": {"name": "hardness", "parameters": {"type": "object", "properties": {"wood": {"type": "string"}}}}}]
QUESTIONS = ["Is ebony a hard wood?", "What glue is right for wet places?", "And oak?", "What is teak used for?"]


def check(holds, what):
    print(("ok      " if holds else "WRONG   ") + what, flush=True)
    if not holds:
        check.wrong += 1


check.wrong = 0


def ask(client, model, text, **more):
    more = {"max_tokens": 32, "temperature": 0, **more}
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def metric(address, name):
    text = urllib.request.urlopen(address.removesuffix("/v1") + "/metrics").read().decode()
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"intarsia_{name} ")))


def refusal(kind, call):
    try:
        call()
    except kind as error:
        return error
    except openai.APIError as error:
        print(f"        {type(error).__name__}: {error}")
    return None


def basics(client, model, address):
    check(model in [entry.id for entry in client.models.list()], "models are listed")
    answer = ask(client, model, QUESTIONS[0])
    whole = answer.choices[0].message.content
    check(whole and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens,
          f"an answer with its usage: {whole!r}")
    chunks = list(ask(client, model, QUESTIONS[0], stream=True, stream_options={"include_usage": True}))
    check("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole, "the stream is the same text")
    check(chunks[-1].usage.completion_tokens == answer.usage.completion_tokens, "its last chunk has the same usage")
    stop = whole[10:14]
    stopped = ask(client, model, QUESTIONS[0], stop=[stop]).choices[0]
    check(stopped.message.content == whole[:whole.index(stop)] and stopped.finish_reason == "stop", f"it stops before {stop!r}")
    tokens = ask(client, model, QUESTIONS[0], logprobs=True, top_logprobs=3).choices[0].logprobs.content
    check("".join(token.token for token in tokens) == whole and all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens),
          "log-probabilities spell the text")
    several = ask(client, model, QUESTIONS[0], n=3, temperature=1.0, seed=3)
    check(len(several.choices) == 3 and several.choices[0].message != several.choices[1].message, "n = 3 gives three choices")
    text = client.completions.create(model=model, prompt="Ebony is", max_tokens=8, temperature=0, logprobs=2).choices[0]
    check(len(text.logprobs.tokens) == 8 and text.finish_reason == "length", f"a completion: {text.text!r}")

    before = metric(address, "responses_cancelled_total")
    stream = ask(client, model, "Tell me everything about wood.", stream=True, max_tokens=400, logit_bias=endless(client, model))
    next(iter(stream))
    stream.close()
    for _ in range(100):
        if metric(address, "responses_cancelled_total") > before:
            break
        time.sleep(0.1)
    check(metric(address, "responses_cancelled_total") == before + 1 and metric(address, "responses_active") == 0, "a closed stream is cancelled")


def as_other_servers_do(client, model):
    plain = ask(client, model, QUESTIONS[0]).choices[0].message.content
    same = ask(client, model, QUESTIONS[0], extra_body={"top_k": -1, "repeat_penalty": 1.0, "cache_prompt": True}, seed=-1)
    check(same.choices[0].message.content == plain, "-1 and llama.cpp's names are understood")
    text = ask(client, model, QUESTIONS[0], response_format={"type": "text"}, max_tokens=openai.NOT_GIVEN, max_completion_tokens=32)
    check(text.choices[0].message.content == plain, "max_completion_tokens and the response format text")
    twice = [ask(client, model, QUESTIONS[0], temperature=1.0, seed=5).choices[0].message.content for _ in range(2)]
    check(twice[0] == twice[1], "one seed gives one answer")
    for name, more in {"response_format": {"response_format": {"type": "json_object"}}, "tool_choice": {"tool_choice": "required", "tools": TOOLS},
                       "functions": {"functions": [{"name": "f"}]}, "mirostat": {"extra_body": {"mirostat": 2}}, "grammar": {"extra_body": {"grammar": "root"}}}.items():
        bad = refusal(openai.BadRequestError, lambda: ask(client, model, "a", **more))
        check(bad is not None and bad.param == name, f"{name} is refused by its name")
    check(ask(client, model, QUESTIONS[0], tools=TOOLS, tool_choice="none").choices[0].message.tool_calls is None, "tools that are not to be used")
    bad = refusal(openai.NotFoundError, lambda: client.embeddings.create(model=model, input="a"))
    check(bad is not None and "/v1/embeddings" in str(bad), "embeddings are not found, by name")


def endless(client, model):
    """A bias against the model's end, so that an answer is long enough to be cancelled."""
    address = str(client.base_url).removesuffix("/").removesuffix("/v1")
    ids = {}
    for end in ("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>", "<end_of_turn>"):
        body = json.dumps({"content": end, "add_special": False}).encode()
        request = urllib.request.Request(address + "/tokenize", body, {"Authorization": "Bearer " + client.api_key})
        tokens = json.load(urllib.request.urlopen(request))["tokens"]
        if len(tokens) == 1:
            ids[str(tokens[0])] = -100
    return ids


def refusals(client, model, address, key):
    bad = refusal(openai.BadRequestError, lambda: ask(client, model, "a", extra_body={"temprature": 1}))
    check(bad is not None and bad.param == "temprature", "an unknown field is named")
    bad = refusal(openai.BadRequestError, lambda: ask(client, model, "wood " * 300000))
    check(bad is not None and bad.code == "context_length_exceeded", "1.5 MB do not fit the context")
    check(refusal(openai.APIStatusError, lambda: ask(client, model, "a" * 10_000_000)).status_code == 413, "10 MB are too large")
    check(refusal(openai.NotFoundError, lambda: ask(client, "gpt-4o", "a")) is not None, "another model is not found")
    if key:
        wrong = openai.OpenAI(base_url=address, api_key="sk-wrong", max_retries=0)
        check(refusal(openai.AuthenticationError, lambda: wrong.models.list()) is not None, "a wrong key is refused")
    request = urllib.request.Request(address + "/chat/completions", b'{"messages": [', {"Authorization": "Bearer " + client.api_key})
    try:
        urllib.request.urlopen(request)
        check(False, "malformed JSON")
    except urllib.error.HTTPError as error:
        check(error.code == 400 and json.load(error)["error"]["code"] == "invalid_json", "malformed JSON is refused")
    host, port = address.split("//")[1].split("/")[0].split(":")
    for bytes_sent in (b"", b"POST /v1/chat/completions HTTP/1.1\r\nContent-Le", b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"):
        socket.create_connection((host, int(port))).sendall(bytes_sent)  # and hangs up
    check(ask(client, model, "a").choices[0].message is not None, "it goes on after clients that hang up")


def eight_clients(address, key, model, seconds):
    expected = {}
    one = openai.OpenAI(base_url=address, api_key=key or "none")
    for question in QUESTIONS:
        expected[question] = ask(one, model, question, max_tokens=48).choices[0].message.content
    until, lost, done = time.time() + seconds, [], []

    def talk(number):
        client = openai.OpenAI(base_url=address, api_key=key or "none", max_retries=0)
        turn = number
        while time.time() < until:
            question = QUESTIONS[turn % len(QUESTIONS)]
            turn += 1
            try:
                if turn % 2:
                    text = ask(client, model, question, max_tokens=48).choices[0].message.content
                else:
                    text = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, model, question, max_tokens=48, stream=True))
            except openai.APIError as error:
                lost.append(repr(error))
                continue
            done.append(text)
            if text != expected[question]:
                lost.append(text)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not lost and len(done) >= 8, f"eight clients for {seconds} s: {len(done)} answers, {len(lost)} lost {lost[:2]}")


def resident_mib(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:"))) / 1024


def memory_stays(client, model, server, tokens):
    """Conversations whose turns reuse the KV cache; memory from 3,000 tokens on."""
    done, reused, turns, first, messages = 0, 0, 0, None, []
    while done < tokens:
        if len(messages) > 8:
            messages = []
        messages.append({"role": "user", "content": f"Is ebony a hard wood, and what glue is right for it? {turns}"})
        answer = client.chat.completions.create(model=model, messages=messages, max_tokens=24, temperature=0)
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        done, turns = done + answer.usage.total_tokens, turns + 1
        reused += answer.usage.prompt_tokens_details.cached_tokens
        if first is None and done >= 3000:
            first = resident_mib(server)
    growth = resident_mib(server) - first
    check(growth < 1, f"{turns} turns, {done} tokens, {reused} reused: the server's memory grew by {growth:.2f} MiB from 3,000 tokens on")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--intarsia", default=REPOSITORY / "build/release/app/cli/intarsia")
    parser.add_argument("--model", default=REPOSITORY / "resources/demo-model")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tokens", type=int, default=12000)
    parser.add_argument("--address")
    parser.add_argument("--key", default="")
    options = parser.parse_args()
    server, address, key = None, options.address, options.key
    if not address:
        key = "sk-test"
        server = subprocess.Popen([options.intarsia, "serve", options.model, "--port", "0", "--json", "--api-key", key],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = ""
        while not told.endswith("\n}\n"):
            told += server.stdout.readline()
        address = json.loads(told)["address"] + "/v1"
    if key:  # for /metrics too
        opener = urllib.request.build_opener()
        opener.addheaders = [("Authorization", "Bearer " + key)]
        urllib.request.install_opener(opener)
    client = openai.OpenAI(base_url=address, api_key=key or "none", max_retries=0)
    model = client.models.list().data[0].id
    basics(client, model, address)
    as_other_servers_do(client, model)
    refusals(client, model, address, key)
    eight_clients(address, key, model, options.seconds)
    if server:
        if options.tokens > 3000:
            memory_stays(client, model, server, options.tokens)
        server.send_signal(2)
        check(server.wait(30) == 0, "Ctrl-C ends it")
    print(f"{check.wrong} wrong")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
