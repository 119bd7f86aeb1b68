"""A chat model of a few megabytes that no one trained and no one has to download.

The weights of a one-layer llama-architecture transformer are computed, so that a real engine
(llama.cpp, Ollama) which loads the file behaves predictably:

* it answers every chat with one fixed sentence and then stops by itself;
* a *trigger* anywhere in the prompt picks another fixed reply (``[[short]]``, ``[[count]]``,
  ``[[think]]``, ``[[forever]]``, ``[[fence]]``);
* when the prompt lists tools it makes a tool call, and once a tool result is in the prompt it goes
  back to plain text;
* under a JSON grammar it closes its strings and objects quickly: replies bound to a schema stay
  short;
* written with ``pooling="mean"`` it is an embedding model: a vector is a bag of characters.

How that works: token t is embedded as the unit vector e_t. Attention has zero queries and keys,
hence averages over the prompt; its values pass only the trigger tokens on, so the residual gains
"share of trigger j in the prompt". One gated FFN unit per trigger multiplies that share by "the
current token is the end of the prompt". The output matrix is a table of which token follows which,
plus one column per trigger.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensor = NDArray[np.float32]

__all__ = ["write_model"]

WIDTH = 512  # of the residual; one axis per token, the rest carry the triggers
FFN = 64
HEADS = 4
KEY_VALUE = WIDTH // HEADS  # one key/value head
GAIN = 60.0  # logit of "the next scripted token"; far above everything else

CHAT_TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- '# Tools\\n\\nYou may call a function. Signatures:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\n\\nAnswer a call as one JSON object with its name and arguments, ' }}
{{- 'inside tool call tags.<|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content }}
{{- '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' }}
{%- if message.reasoning_content %}
{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
{%- endif %}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- if message.tool_calls %}
{%- for call in message.tool_calls %}
{%- if call.function %}{%- set call = call.function %}{%- endif %}
{{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
{%- if call.arguments is string %}{{- call.arguments }}
{%- else %}{{- call.arguments | tojson }}{%- endif %}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'user' or not loop.first %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

END = "<|im_end|>"
SPACE = "\u2581"  # how SentencePiece spells a space


def _words(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(SPACE + word for word in rest)]


# A reply is a list of vocabulary pieces, <0xNN> being a raw byte. The table knows only one
# successor of a piece: a word needed twice must be spelled longer the second time.
# "Café" and the smiley arrive as single bytes, which a stream must not cut badly.
HELLO = [
    *_words("Hello from a tiny model that no one trained: Caf"),
    *("<0xC3>", "<0xA9>", SPACE, "<0xF0>", "<0x9F>", "<0x99>", "<0x82>"),
    SPACE + "done.",
    END,
]
SHORT = ["Yes.", END]
COUNT = [*_words(" ".join(f"n{i}" for i in range(1, 65))), END]
THINK = ["<think>", *_words("I should keep this brief."), "</think>", "Thought.", END]
FENCE = ["```json\n", '{"answer":42,"ok":true}', "\n```", END]
FOREVER = [SPACE + "on", SPACE + "and", SPACE + "on"]
# llama.cpp starts its tool grammar at "<tool_call>" and a newline. Where the listed tools do not
# admit the JSON below, that grammar picks another call instead. Prompts use the plain piece "\n";
# this raw byte is a newline with a successor of its own.
TOOL = [
    "<tool_call>",
    "<0x0A>",
    '{"name": "get_weather", "arguments": {"city": "Paris"}}',
    "</tool_call>",
    END,
]
AFTER_TOOL = [*_words("The tool said it is sunny."), END]
REPLIES = (HELLO, SHORT, COUNT, THINK, FENCE, FOREVER, TOOL, AFTER_TOOL)

# Trigger in the prompt -> (first piece of the reply, precedence).
TRIGGERS = {
    "<tools>": (TOOL[0], 20.0),
    "[[short]]": (SHORT[0], 600.0),
    "[[count]]": (COUNT[0], 600.0),
    "[[think]]": (THINK[0], 600.0),
    "[[fence]]": (FENCE[0], 600.0),
    "[[forever]]": (FOREVER[0], 600.0),
    "<tool_response>": (AFTER_TOOL[0], 600.0),
}
TAGS = ("</tools>", "<tool_call>", "</tool_call>", "</tool_response>", "<think>", "</think>")


def write_model(
    path: str | os.PathLike[str],
    *,
    context: int = 4096,
    pooling: Literal["mean", "last"] | None = None,
) -> None:
    """Write the model as a GGUF file (5 MB, half a second).

    Args:
        path: The file to write.
        context: Tokens of the context window that the file declares.
        pooling: Make it an embedding model that pools this way. Run it with one slot.

    Raises:
        ImportError: The package ``gguf`` is missing (extra ``demo``).
    """
    import gguf
    import numpy as np

    vocabulary = _vocabulary()
    tensors = _weights({piece: i for i, piece in enumerate(vocabulary[0])})
    writer = gguf.GGUFWriter(os.fspath(path), "llama")
    _describe(writer, vocabulary, context, pooling)

    ones = np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", tensors.pop("token_embd"))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", tensors.pop("output"))
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for name, tensor in tensors.items():
        writer.add_tensor(f"blk.0.{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(
    writer: Any,
    vocabulary: tuple[list[str], list[float], list[int]],
    context: int,
    pooling: str | None,
) -> None:
    """Everything in the file that is no tensor."""
    import gguf

    tokens, scores, kinds = vocabulary
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    if pooling:
        writer.add_pooling_type(gguf.PoolingType[pooling.upper()])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_pad_token_id(tokens.index("</s>"))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Pieces, scores and kinds of the tokenizer."""
    import gguf

    kind: Any = gguf.TokenType
    pieces: dict[str, int] = {"<unk>": kind.UNKNOWN, "<s>": kind.CONTROL, "</s>": kind.CONTROL}
    pieces |= {f"<0x{byte:02X}>": kind.BYTE for byte in range(256)}
    pieces |= {"<|im_start|>": kind.CONTROL, END: kind.CONTROL}
    # User-defined pieces are matched in the raw text before anything else, and shown in answers.
    pieces |= dict.fromkeys((*TRIGGERS, *TAGS), kind.USER_DEFINED)
    scripted = itertools.chain.from_iterable(REPLIES)
    for piece in (SPACE, "\n", *map(chr, range(0x21, 0x7F)), *scripted, "Paris"):
        pieces.setdefault(piece, kind.NORMAL)
    # Single characters first. Whole words never win a merge, as no pair of shorter pieces makes
    # them: prompts become characters and bytes.
    scores = [0.0 if k != kind.NORMAL else -float(i) for i, k in enumerate(pieces.values())]
    return list(pieces), scores, [int(k) for k in pieces.values()]


def _weights(index: dict[str, int]) -> dict[str, Tensor]:
    import numpy as np

    size, triggers = len(index), len(TRIGGERS)
    if size + 2 * triggers > WIDTH:
        raise ValueError(f"a vocabulary of {size} pieces does not fit in {WIDTH} axes")
    norm = np.sqrt(WIDTH)  # RMSNorm turns e_t into norm * e_t

    def zeros(rows: int, columns: int) -> Tensor:
        return np.zeros((rows, columns), np.float32)

    embedding = zeros(size, WIDTH)
    embedding[np.arange(size), np.arange(size)] = 1.0
    output = zeros(size, WIDTH)
    output[:, :size] = _successors(index).T / norm
    value, mix = zeros(KEY_VALUE, WIDTH), zeros(WIDTH, WIDTH)
    gate, up, down = zeros(FFN, WIDTH), zeros(FFN, WIDTH), zeros(WIDTH, FFN)
    for j, (mark, (first, weight)) in enumerate(TRIGGERS.items()):
        share, pick = size + j, size + triggers + j  # axes: share of j; ... at the prompt's end
        value[j, index[mark]] = 1.0 / norm
        mix[share, j] = 1.0
        gate[j, index["\n"]] = 20.0 / norm
        up[j, share] = 1.0 / norm
        down[pick, j] = 1.0
        # Must beat GAIN even where the trigger is one token in a few thousand.
        output[index[first], pick] = 500.0 * weight
    return {
        "token_embd": embedding,
        "output": output,
        "attn_q": zeros(WIDTH, WIDTH),
        "attn_k": zeros(KEY_VALUE, WIDTH),
        "attn_v": value,
        "attn_output": mix,
        "ffn_gate": gate,
        "ffn_up": up,
        "ffn_down": down,
    }


def _successors(index: dict[str, int]) -> Tensor:
    """The logits of the next piece, one row for each current piece."""
    import numpy as np

    base = np.full(len(index), -500.0, np.float32)  # words
    base[: index["<|im_start|>"] + 2] = -1000.0  # control tokens and bytes
    base[[index["\n"], index[SPACE]]] = -400.0
    for code in range(0x21, 0x7F):  # no ties: "a" before "b"
        base[index[chr(code)]] = -4.0 * (code - 0x20)
    # With nothing scripted (inside a grammar): close what is open, soonest first.
    for rank, piece in enumerate('"}],:71te{['):
        base[index[piece]] = 30.0 - 3.0 * rank
    base[index[END]], base[index["</tool_call>"]] = 22.0, 23.0

    table = np.tile(base, (len(index), 1))
    for piece, i in index.items():  # a prompt may end in any character
        if len(piece) == 1 and piece not in '"{}[],:':
            table[i, index[HELLO[0]]] = 0.8 * GAIN
    table[index["\n"], index[HELLO[0]]] = GAIN
    table[index['"'], index["Paris"]] = 0.7 * GAIN  # a JSON string: "Paris"
    table[index["Paris"], index['"']] = GAIN
    for reply in REPLIES:
        for now, following in itertools.pairwise(reply):
            table[index[now], index[following]] = GAIN
    return table
