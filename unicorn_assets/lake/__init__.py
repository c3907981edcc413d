"""Shards on disk, fingerprints, sidecars, the DuckDB catalog and lineage."""
