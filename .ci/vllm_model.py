"""Write a Llama of two layers, without weights, and a tokenizer of bytes.

usage: vllm_model.py FOLDER

vLLM gives it random weights (--load-format dummy). Its texts are noise, but
every field of a request has its effect.
"""

import json
import pathlib
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 259,  # the bytes, and the three below
    "max_position_embeddings": 512,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 258,
    "tie_word_embeddings": False,
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: vllm_model.py FOLDER", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in TOKENS.values()])
    tokenizer.save(str(folder / "tokenizer.json"))

    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **TOKENS}
    for name, content in (("config", CONFIG), ("tokenizer_config", settings)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
