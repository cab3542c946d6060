"""Loads a GGUF file into a running Docker Model Runner: `load_model.py BASE_URL MODEL.gguf NAME`.

The file is packed as Docker's artifact for models (https://github.com/docker/model-spec) and needs no registry.
"""

import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile
import urllib.request

base_url, model, name = sys.argv[1:]


def named(digest):
    return f"sha256:{digest}"


def described(kind, digest, size):
    return {"mediaType": f"application/vnd.docker.ai.{kind}", "digest": named(digest), "size": size}


def post(path, data, **headers):
    urllib.request.urlopen(urllib.request.Request(base_url + path, data, headers, method="POST")).read()


with open(model, "rb") as file:
    layer = hashlib.file_digest(file, "sha256").hexdigest()
config = json.dumps({
    "config": {"format": "gguf"},
    "descriptor": {"created": "2026-01-01T00:00:00Z"},
    "rootfs": {"type": "rootfs", "diff_ids": [named(layer)]},
}).encode()
config_digest = hashlib.sha256(config).hexdigest()
manifest = json.dumps({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": described("model.config.v0.1+json", config_digest, len(config)),
    "layers": [described("gguf.v3", layer, os.path.getsize(model))],
}).encode()
with tempfile.TemporaryFile() as archive:
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(model, f"blobs/sha256/{layer}")
        for path, content in (f"blobs/sha256/{config_digest}", config), ("manifest.json", manifest):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    size = archive.tell()
    archive.seek(0)
    post("/models/load", archive, **{"Content-Type": "application/x-tar", "Content-Length": str(size)})
post(f"/models/{named(hashlib.sha256(manifest).hexdigest())}/tag?repo={name}&tag=latest", b"")
