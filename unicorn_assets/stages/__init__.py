"""What each asset does to a shard, without Dagster: rows in, rows out, and a reason for every row that falls out."""
