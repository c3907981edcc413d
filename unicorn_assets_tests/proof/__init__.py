"""Tests of the proof in miniature."""
