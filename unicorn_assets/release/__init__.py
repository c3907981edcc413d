"""What goes out: export formats, splits, manifest and card; whether a release is whole; and its rows for a trainer."""
