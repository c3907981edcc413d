"""`unicorn`: a thin face on the functions that the web UI uses too."""
