"""What embeds text."""
