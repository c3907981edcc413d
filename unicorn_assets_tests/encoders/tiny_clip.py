"""A small, random CLIP as a sentence-transformers folder: real towers, real preparation of images, no meaning."""

import string
from pathlib import Path

DIMENSION = 12
SIDE = 16
"""Pixels of its images' sides."""


def tiny_clip(folder: Path, dimension: int = DIMENSION, seed: int = 0) -> Path:
    """Writes the model to `folder`."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    transformers.utils.logging.disable_progress_bar()
    letters = string.ascii_lowercase
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), ".</w>", ",</w>", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = sizes | {
        "vocab_size": len(tokens),
        "max_position_embeddings": 64,
        "bos_token_id": vocabulary["<|startoftext|>"],
        "eos_token_id": vocabulary["<|endoftext|>"],
    }
    torch.manual_seed(seed)
    vision = sizes | {"image_size": SIDE, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dimension)).save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    CLIPProcessor(images, CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=64)).save_pretrained(folder)
    SentenceTransformer(modules=[Transformer(str(folder))], device="cpu").save(str(folder))
    return folder
