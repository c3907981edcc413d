"""Training data for vision-language models, made from text alone. Nothing is imported here, on purpose."""
