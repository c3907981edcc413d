"""The web UI as people see it: a real `unicorn dev`, looked at and clicked through in headless Chromium."""
