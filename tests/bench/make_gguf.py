"""Further models for `estimate.py`: Q8_0 and F16 of the small model, and two of random weights: one of the shape of Llama 3.2 1B in
Q4_0, and a smaller one in a mix of Q4_K and Q6_K.
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


# Bytes of a block of values, and where its scales of 16 bits are: random ones would be no numbers.
BLOCKS = {T.Q4_0: (32, 18, (0,)), T.Q8_0: (32, 34, (0,)), T.Q4_K: (256, 144, (0, 2)), T.Q6_K: (256, 210, (208,))}


def made_up(path, name, ftype, kind, layers, width, inner, heads, kv, more=None):
    """A model of random weights. `more`: the type of the tensors that mixes keep in more bits."""
    reader = GGUFReader(src)
    writer = GGUFWriter(path, "llama")
    head = width // heads
    change = {"general.name": name, "general.file_type": ftype, "llama.block_count": layers, "llama.embedding_length": width,
              "llama.feed_forward_length": inner, "llama.attention.head_count": heads, "llama.attention.head_count_kv": kv,
              "llama.rope.dimension_count": head}
    copy_fields(reader, writer, change)
    rng = np.random.default_rng(1)

    def add(name, rows, columns, kind):
        values, size, scales = BLOCKS[kind]
        raw = rng.integers(0, 256, size=(rows, columns // values, size), dtype=np.uint8)
        for at in scales:
            raw[:, :, at : at + 2] = np.frombuffer(np.float16(0.004).tobytes(), dtype=np.uint8)
        writer.add_tensor(name, raw.reshape(rows, -1), raw_dtype=kind)

    add("token_embd.weight", len(reader.fields["tokenizer.ggml.tokens"].data), width, more or kind)
    ones = np.ones(width, dtype=np.float32)
    writer.add_tensor("output_norm.weight", ones)
    for i in range(layers):
        p = f"blk.{i}."
        writer.add_tensor(p + "attn_norm.weight", ones)
        writer.add_tensor(p + "ffn_norm.weight", ones)
        for name, rows, columns in [
            ("attn_q", width, width), ("attn_k", kv * head, width), ("attn_v", kv * head, width), ("attn_output", width, width),
            ("ffn_gate", inner, width), ("ffn_up", inner, width), ("ffn_down", width, inner),
        ]:
            has_more = more and name in ("attn_v", "ffn_down") and i % 2 == 0
            add(f"{p}{name}.weight", rows, columns, more if has_more else kind)
    finish(writer)


requantised(out + "/small.Q8_0.gguf", T.Q8_0)
requantised(out + "/small.F16.gguf", T.F16)
made_up(out + "/larger.Q4_0.gguf", "Random 1B", 2, T.Q4_0, layers=16, width=2048, inner=8192, heads=32, kv=8)
made_up(out + "/middle.Q4_K_M.gguf", "Random 0.4B", 15, T.Q4_K, layers=24, width=1024, inner=4096, heads=16, kv=4, more=T.Q6_K)
