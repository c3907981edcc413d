"""What a recipe will take: a profile of a few hundred rows, measured and carried over to all that is left."""
