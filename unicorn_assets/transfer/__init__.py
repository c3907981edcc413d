"""From text space to image space: statistics, methods, files of fitted transfers. Pure: arrays in, arrays out."""
