"""Tests of the release."""
