"""Further models for `estimate.py`: Q8_0 and F16 of the small model, and a random one of the shape of Llama 3.2 1B in Q4_0.
usage: make_gguf.py SMALL.gguf FOLDER

Needs the packages gguf and numpy.
"""

import sys

import numpy as np
from gguf import GGUFReader, GGUFWriter, GGMLQuantizationType as T, GGUFValueType as V
from gguf.quants import dequantize, quantize
src, out = sys.argv[1:3]


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def copy_fields(reader, writer, change):
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        value = change.get(name, field.contents())
        if kind == V.ARRAY:
            writer.add_key_value(name, value, kind, sub_type=field.types[-1])
        else:
            writer.add_key_value(name, value, kind)


def requantised(path, kind):
    reader = GGUFReader(src)
    writer = GGUFWriter(path, "llama")
    ftype = {T.Q8_0: 7, T.F16: 1}[kind]
    copy_fields(reader, writer, {"general.file_type": ftype})
    for tensor in reader.tensors:
        if len(tensor.shape) == 1 or tensor.tensor_type == T.F32:
            writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
            continue
        data = dequantize(tensor.data, tensor.tensor_type)
        if kind == T.F16:
            writer.add_tensor(tensor.name, data.astype(np.float16))
        else:
            writer.add_tensor(tensor.name, quantize(data, kind), raw_dtype=kind)
    finish(writer)


def larger(path, layers=16, width=2048, inner=8192, heads=32, kv=8, kind=T.Q4_0):
    reader = GGUFReader(src)
    writer = GGUFWriter(path, "llama")
    change = {"general.name": "Random 1B", "general.file_type": 2, "llama.block_count": layers, "llama.embedding_length": width,
              "llama.feed_forward_length": inner, "llama.attention.head_count": heads, "llama.attention.head_count_kv": kv,
              "llama.rope.dimension_count": width // heads, "general.size_label": "1B"}
    copy_fields(reader, writer, change)
    vocab = len(reader.fields["tokenizer.ggml.tokens"].data)
    rng = np.random.default_rng(1)
    block = {T.Q4_0: (32, 18)}[kind]
    def weights(rows, columns):
        blocks = columns // block[0]
        raw = rng.integers(0, 256, size=(rows, blocks, block[1]), dtype=np.uint8)
        scale = np.float16(0.004)
        raw[:, :, 0:2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
        return raw.reshape(rows, blocks * block[1])
    def add(name, rows, columns):
        writer.add_tensor(name, weights(rows, columns), raw_dtype=kind)
    add("token_embd.weight", vocab, width)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    head = width // heads
    for i in range(layers):
        p = f"blk.{i}."
        writer.add_tensor(p + "attn_norm.weight", np.ones(width, dtype=np.float32))
        writer.add_tensor(p + "ffn_norm.weight", np.ones(width, dtype=np.float32))
        for name, rows, columns in [
            ("attn_q", width, width), ("attn_k", kv * head, width), ("attn_v", kv * head, width), ("attn_output", width, width),
            ("ffn_gate", inner, width), ("ffn_up", inner, width), ("ffn_down", width, inner),
        ]:
            add(f"{p}{name}.weight", rows, columns)
    finish(writer)


requantised(out + "/small.Q8_0.gguf", T.Q8_0)
requantised(out + "/small.F16.gguf", T.F16)
larger(out + "/larger.Q4_0.gguf")
