"""What goes out: selection, export formats, the manifest and the dataset card."""
