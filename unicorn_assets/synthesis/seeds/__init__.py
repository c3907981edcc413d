"""Seeds: caption sources read row by row, cleaned, picked and sorted into shards."""
