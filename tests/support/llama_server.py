"""llama.cpp's own HTTP server (from the wheel xllamacpp) for the tests: `llama_server.py MODEL.gguf`.

Prints its base URL on one line when it answers, and exits when its stdin is closed.
"""

import os
import sys

from xllamacpp import CommonParams, Server

params = CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 8192
params.n_parallel = 4
params.hostnames = ["127.0.0.1"]
params.port = 0
params.endpoint_metrics = True
# As the server itself reads them: MiB for prompts that its slots held before, threads.
if "LLAMA_ARG_CACHE_RAM" in os.environ:
    params.cache_ram_mib = int(os.environ["LLAMA_ARG_CACHE_RAM"])
if "LLAMA_ARG_THREADS" in os.environ:
    params.cpuparams.n_threads = int(os.environ["LLAMA_ARG_THREADS"])

# The server logs to stdout from C++: keep that for the URL alone.
url_out = os.dup(1)
os.dup2(2, 1)
server = Server(params)
os.write(url_out, f"{server.listening_address}\n".encode())
sys.stdin.read()
os._exit(0)
