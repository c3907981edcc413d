"""Seeds, prompts, and the parsing of answers. Pure: text in, text out."""
