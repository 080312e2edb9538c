"""Serve a GGUF file with llama.cpp's own HTTP server on 127.0.0.1.

usage: llamacpp_server.py MODEL PORT

Prints "listening on http://127.0.0.1:PORT" once requests are answered and
then runs until it is killed. PORT 0 lets the system choose the port.
"""

import signal
import sys

import xllamacpp


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: llamacpp_server.py MODEL PORT", file=sys.stderr)
        return 2

    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.model_alias = {"gemma3-270m"}
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2])
    params.n_parallel = 4  # slots; a request's n may not exceed them
    params.n_ctx = 2048  # for all slots: 512 tokens for each
    params.kv_unified = False
    params.n_batch = 512
    params.n_ubatch = 128
    # One thread: with more, each waits busily for the others, which makes the
    # server several times slower as soon as the tests use the cores as well.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.ui = False
    params.warmup = False

    # The server's threads are native ones that know nothing of Python's
    # signal handlers, so let the signals have their default effect.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
