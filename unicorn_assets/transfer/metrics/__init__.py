"""The modality gap, measured: what separates texts from images, and what a transfer keeps of the texts. Pure."""
